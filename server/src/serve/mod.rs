//! The composition root: reads the configuration, puts the parts together, runs them, takes them
//! down.
//!
//! Read it from top to bottom to see what the process is made of. It owns the order of starting and
//! stopping, and nothing else: sockets are bound before anything is opened, "ready" is said when
//! everything runs, and the store is closed last.

mod error;
mod reload;
mod upkeep;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use roadstead_certs::{Clock, ServerTls, TokenKey, provider, rotation};
use roadstead_storage::Store;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::execute::{Context, Parts as CommandParts};
use crate::admin::mirror::Mirroring;
use crate::admin::socket::Socket;
use crate::auth::Authenticator;
use crate::auth::users::Users;
use crate::config::{Config, Source};
use crate::http::{Parts, Service};
use crate::jobs::execution::Parts as JobParts;
use crate::jobs::scheduler;
use crate::listener::{Listener, Shared, bind, max_connections};
use crate::registry::Registry;
use crate::report::chain;
use crate::serve::reload::Reload;
use crate::shutdown::{Order, Signals, Tasks};
use crate::systemd::Notify;
use crate::telemetry::Metrics;
use crate::upkeep::Upkeep;
use crate::upstreams::Upstreams;

pub(crate) use self::error::Error;

/// How long the start waits for the index, so that on small stores the catalog is whole from the first
/// request on.
const INDEX_HEAD_START: Duration = Duration::from_secs(2);
/// How long transfers may go on after an order to stop.
const GRACE: Duration = Duration::from_secs(30);
/// How long after an index could not be built it is tried again.
const INDEX_PAUSE: Duration = Duration::from_secs(5);

/// Runs the registry until a signal ends it.
///
/// # Errors
/// When it cannot start, or when a part of it broke.
pub(crate) async fn run(source: Source) -> Result<(), Error> {
    let mut signals = Signals::listen().map_err(|source| Error::Signals { source })?;
    let app = App::build(source).await?;
    app.run(async || signals.next().await).await
}

/// Everything that serves, put together and not yet running.
pub(crate) struct App {
    listeners: Vec<Listener>,
    shared: Shared,
    admin: Socket,
    context: Context,
    reload: Reload,
    store: Store,
    upkeep: Upkeep,
    notify: Notify,
}

impl App {
    /// Binds the sockets and opens everything behind them. On the first start this makes the store,
    /// the CA, the server certificate and the first account.
    ///
    /// # Errors
    /// Whatever stands in the way of serving.
    ///
    /// # Cancel safety
    /// What was made stays, and the next start goes on from there.
    pub(crate) async fn build(source: Source) -> Result<Self, Error> {
        let config = source.load()?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        provider::install();
        let clock: Clock = Arc::new(SystemTime::now);
        let plain = bind_all(&config.http_listen, &config)?;
        let secure = bind_all(&config.listen, &config)?;

        let store_clock = roadstead_storage::Clock::from_fn(SystemTime::now);
        let store = Store::create_or_open(config.store(store_clock)).await;
        let store = store.map_err(|source| Error::Store { source })?;
        let opened = config.clone();
        let now = clock();
        let secrets = spawn_blocking(move || Secrets::open(&opened, now)).await;
        let Secrets {
            users,
            tls,
            token_key,
        } = secrets.expect("opening files does not panic")?;
        let admin = Socket::bind(&config.data).map_err(|source| Error::Admin { source })?;

        let auth = Authenticator::new(
            &config.auth,
            Arc::clone(&users),
            &token_key,
            Arc::clone(&clock),
        );
        let auth = auth.map_err(|source| Error::Login {
            source: source.into(),
        })?;
        let tls_listener = |socket| Listener::new(socket, Some(Arc::clone(&tls)));
        let listeners = secure
            .into_iter()
            .map(tls_listener)
            .chain(plain.into_iter().map(|socket| Listener::new(socket, None)))
            .collect::<io::Result<Vec<_>>>()
            .map_err(|source| Error::Sockets { source })?;
        let bound: Vec<SocketAddr> = listeners.iter().map(Listener::address).collect();
        let address = config.public_address(&bound);
        let metrics = Metrics::new();
        let tasks = Tasks::new();
        let upstreams = open_upstreams(&config, &source, &store, &tasks, &metrics).await?;
        let upkeep = Upkeep::new(store.clone(), metrics.upkeep()).mending_from(upstreams.clone());
        let service = Service::new(Parts {
            address: address
                .as_ref()
                .map_or_else(|| "localhost".to_owned(), ToString::to_string),
            auth: auth.clone(),
            clock: Arc::clone(&clock),
            metrics: metrics.clone(),
            registry: Registry::new(store.clone(), upstreams.clone()),
            tasks: tasks.clone(),
            tls: Arc::clone(&tls),
            trusted_proxies: config.trusted_proxies.clone(),
            upkeep: upkeep.clone(),
        });
        let connections = Arc::new(Semaphore::new(max_connections()));
        let shared = Shared {
            service,
            connections,
            metrics,
            tasks,
        };
        let jobs = jobs(&store, &upstreams, &shared, &clock);
        let mirroring = mirroring(&config, jobs, bound).await;
        let roster = mirroring.roster.clone();
        let parts = CommandParts {
            store: store.clone(),
            upkeep: upkeep.clone(),
            users: Arc::clone(&users),
            tls: Some(Arc::clone(&tls)),
            mirroring,
            address,
            clock: Arc::clone(&clock),
        };
        let context = Context::new(parts, config.clone());
        let notify = Notify::new(&source.environment);
        let reload = Reload {
            source,
            config,
            auth,
            users,
            tls,
            upstreams,
            roster,
            context: context.clone(),
            clock,
        };
        Ok(Self {
            listeners,
            shared,
            admin,
            context,
            reload,
            store,
            upkeep,
            notify,
        })
    }

    /// Serves until `next` orders to stop, then drains: no new connections, the requests underway
    /// get [`GRACE`], a second order to stop cuts it short.
    ///
    /// # Errors
    /// When a worker broke; the process is then in an unknown state and should end.
    pub(crate) async fn run(self, mut next: impl AsyncFnMut() -> Order) -> Result<(), Error> {
        let Self {
            listeners,
            shared,
            admin,
            context,
            mut reload,
            store,
            upkeep,
            notify,
        } = self;
        let tasks = shared.tasks.clone();
        let stop = tasks.stopping();
        let serving = async {
            let renewal = rotation::run(
                Arc::clone(&reload.tls),
                Arc::clone(&reload.clock),
                stop.clone().cancelled_owned(),
            );
            tasks.worker("certificates", renewal);
            let (built, index) = oneshot::channel();
            tasks.worker("index", keep_index(store.clone(), stop.clone(), built));
            let storage = &reload.config.storage;
            let (every, grace) = (storage.gc_every.duration(), storage.gc_grace.duration());
            let collection = upkeep::collect(upkeep.clone(), every, grace, stop.clone());
            tasks.worker("collection", collection);
            tasks.worker("scrub", upkeep::scrub(upkeep.clone(), stop.clone()));
            let (roster, clock) = (reload.roster.clone(), Arc::clone(&reload.clock));
            tasks.worker("schedule", scheduler::run(roster, clock, stop.clone()));
            // Once, so that no push waits until the store is counted.
            tasks.worker("room", async move { upkeep.measure().await });
            tasks.worker("admin", admin.run(context, stop.clone()));
            for listener in listeners {
                announce(&format!("listening {}", listener.url()));
                tasks.worker("listener", listener.serve(shared.clone()));
            }
            drop(shared);
            // Nothing but the catalog needs it, so a long rebuild goes on behind our back.
            let _ = timeout(INDEX_HEAD_START, index).await;
            announce("ready");
            notify.ready();
            info!("Serving");

            loop {
                let order = tokio::select! {
                    order = next() => order,
                    () = tasks.broken() => break,
                };
                match order {
                    Order::Reload => reload.run().await,
                    Order::Stop => break,
                }
            }
            info!("Stopping");
            notify.stopping();
            let again = async { while next().await != Order::Stop {} };
            let aborted = tasks.drain(GRACE, again).await;
            if aborted > 0 {
                warn!(tasks = aborted, "Stopped with work underway");
            }
            store.close().await;
            info!("Stopped");
            tasks
                .culprit()
                .map_or(Ok(()), |source| Err(Error::Worker { source }))
        };
        tokio::select! {
            outcome = serving => outcome,
            // As long as this runs, the drain included, the process is alive.
            () = notify.watch() => Ok(()),
        }
    }
}

/// What lies in files that only this process may read.
struct Secrets {
    users: Arc<Users>,
    tls: Arc<ServerTls>,
    token_key: TokenKey,
}

impl Secrets {
    /// Opens them, or makes them on the first start. Blocks.
    fn open(config: &Config, now: SystemTime) -> Result<Self, Error> {
        let certificates = |source| Error::Certificates { source };
        let tls = ServerTls::open(config.certificates(), now).map_err(certificates)?;
        let token_key = TokenKey::open_or_create(&config.certificate_directory());
        let token_key = token_key.map_err(certificates)?;
        let opened = Users::open_or_create(&config.data);
        let (users, is_first) = opened.map_err(|source| Error::Users { source })?;
        if is_first {
            info!("Made the user admin; its password is in the file admin-password");
        }
        Ok(Self {
            users: Arc::new(users),
            tls: Arc::new(tls),
            token_key,
        })
    }
}

/// What jobs are run with.
fn jobs(store: &Store, upstreams: &Upstreams, shared: &Shared, clock: &Clock) -> JobParts {
    JobParts {
        store: store.clone(),
        upstreams: upstreams.clone(),
        tasks: shared.tasks.clone(),
        clock: Arc::clone(clock),
        zone: TimeZone::system(),
        counts: shared.metrics.jobs(),
    }
}

/// What commands about other registries touch, the jobs of the configuration among it.
async fn mirroring(config: &Config, jobs: JobParts, bound: Vec<SocketAddr>) -> Mirroring {
    let mirroring = Mirroring::new(jobs, bound);
    mirroring.roster.reload(&config.syncs).await;
    mirroring.roster.note_new().await;
    mirroring
}

async fn open_upstreams(
    config: &Config,
    source: &Source,
    store: &Store,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<Upstreams, Error> {
    let (configured, release) = (config.upstreams.clone(), config.release.clone());
    let (store, tasks) = (store.clone(), tasks.clone());
    let proxies = source.environment.proxies.clone();
    let clock = roadstead_storage::Clock::from_fn(SystemTime::now);
    let counts = metrics.upstreams();
    let upstreams = Upstreams::new(store, clock, &tasks, proxies, counts);
    let open = move || {
        upstreams.reload(&configured)?;
        upstreams.trust().reload(&release)?;
        Ok::<_, Error>(upstreams)
    };
    let opened = spawn_blocking(open).await;
    opened.expect("reading files does not panic")
}

fn bind_all(addresses: &[SocketAddr], config: &Config) -> Result<Vec<TcpListener>, Error> {
    // Unless another listener takes IPv4 on that port.
    let takes_ipv4 = |port| {
        let mut all = config.listen.iter().chain(&config.http_listen);
        port == 0 || !all.any(|other| other.is_ipv4() && other.port() == port)
    };
    let bind = |address: &SocketAddr| {
        let bound = bind(*address, takes_ipv4(address.port()));
        bound.map_err(|source| Error::Bind {
            address: *address,
            source,
        })
    };
    addresses.iter().map(bind).collect()
}

/// Builds the index if it has to be, tells `built`, and builds it again whenever it is lost. One that
/// cannot be built is tried again after a while: descriptors or room on the disk may be back then.
async fn keep_index(store: Store, stop: CancellationToken, built: oneshot::Sender<()>) {
    let mut built = Some(built);
    let keep = async {
        loop {
            let kept = async {
                if !store.index_ready() {
                    store.rebuild_index().await?;
                }
                if let Some(built) = built.take() {
                    // Nobody may be waiting any more.
                    let _ = built.send(());
                }
                store.keep_index().await
            };
            let Err(error) = kept.await;
            error!(error = %chain(&error), "The index cannot be built, repositories cannot be listed");
            sleep(INDEX_PAUSE).await;
        }
    };
    let _: Option<Infallible> = stop.run_until_cancelled(keep).await;
}

/// Tells whoever started us, on stdout. That nobody listens there is no reason not to serve.
fn announce(line: &str) {
    let mut stdout = io::stdout().lock();
    let told = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    if let Err(error) = told {
        warn!(%error, line, "Could not tell on stdout");
    }
}

#[cfg(test)]
mod tests;
