//! A command's work where no server runs: on the store itself, as the store's owner.
//!
//! Owns the change of user. Root works on one thread whose user is the owner of the data directory,
//! so that no file is left behind that the server cannot read; the runtime and its pool of threads
//! start from that thread and inherit it. The rest of the process stays root, and reads and writes
//! what the command line names.

use std::fs;
use std::future::pending;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use roadstead_storage::{Clock as StoreClock, Error as StoreError, Store};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::admin::command::Command;
use crate::admin::execute::{Context, Parts};
use crate::admin::failure::{Exit, Failure};
use crate::admin::files::{Asked, CallerFiles, Root, serve};
use crate::admin::mirror::Mirroring;
use crate::admin::report::Report;
use crate::admin::watch::{Told, Watch, interrupted};
use crate::auth::users::Users;
use crate::config::{Config, ProxyVariables, Source};
use crate::jobs::execution::Parts as JobParts;
use crate::shutdown::Tasks;
use crate::telemetry::jobs::JobCounts;
use crate::telemetry::upkeep::Counts;
use crate::telemetry::upstream::UpstreamCounts;
use crate::upkeep::Upkeep;
use crate::upstreams::Upstreams;

/// How long a job that is stopped may take to note that.
const GRACE: Duration = Duration::from_secs(10);

/// Another process holds the store; it may be about to listen, or to let go.
pub(super) struct Held {
    /// What to say if it does neither.
    pub(super) failure: Failure,
}

/// Carries out `command` on the store in `data`, showing how far it has come. Ctrl-C stops long work.
///
/// # Errors
/// [`Held`] when another process has the store. Every other failure is the outcome.
pub(super) fn execute(
    data: &Path,
    source: &Source,
    command: &Command,
    files: Option<&Root>,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Result<Report, Failure>, Held> {
    let attempt = command.to_string();
    // Read by the caller's own rights: the file may be closed to the owner of the store.
    let config = match source.load() {
        Ok(config) => config,
        Err(error) => return Ok(Err(Failure::of(&error).exit(Exit::Configuration))),
    };
    let proxies = source.environment.proxies.clone();
    let owner = match owner(data) {
        Ok(owner) => owner,
        Err(error) => return Ok(Err(no_store(&attempt, data, &error))),
    };
    let caller = geteuid();
    if caller != owner.uid && !caller.is_root() {
        let failure = Failure::new(&attempt).since(format!(
            "{} belongs to another user (uid {})",
            data.display(),
            owner.uid.as_raw()
        ));
        return Ok(Err(failure.hint("run it as root, or as that user")));
    }
    let (files, asked) = match files.map(|root| (CallerFiles::new(), root)) {
        Some(((files, asked), root)) => (Some(files), Some((root, asked))),
        None => (None, None),
    };
    let onlooker = Onlooker { show, files };
    let work = || {
        if caller != owner.uid {
            become_owner(owner).map_err(|error| Outcome::failed(command, &error))?;
        }
        // Connections to other registries have work for all cores; all else is done one by one.
        let mut runtime = if command.asks_upstreams() {
            runtime::Builder::new_multi_thread()
        } else {
            runtime::Builder::new_current_thread()
        };
        let runtime = runtime.enable_all().build();
        let runtime = runtime.map_err(|error| Outcome::failed(command, &error))?;
        let outcome = runtime.block_on(carry_out(config, proxies, command, onlooker));
        // Only a stopped rebuild of the index still works; the next one begins anew.
        runtime.shutdown_background();
        outcome
    };
    let joined: io::Result<_> = thread::scope(|scope| {
        let owner = thread::Builder::new().name("owner".to_owned());
        let owner = owner.spawn_scoped(scope, work)?;
        if let Some((root, asked)) = asked {
            answer(root, asked)?;
        }
        Ok(owner.join())
    });
    match joined {
        Ok(Ok(Ok(report))) => Ok(Ok(report)),
        Ok(Ok(Err(Outcome::Failed(failure)))) => Ok(Err(failure)),
        Ok(Ok(Err(Outcome::Held(failure)))) => Err(Held { failure }),
        Ok(Err(_)) => Ok(Err(
            Failure::new(&attempt).since("it ended by a fault of this program")
        )),
        Err(error) => Ok(Err(Failure::because(&attempt, &error))),
    }
}

/// Whoever gave the command, as far as the work has to do with them.
struct Onlooker<'a> {
    /// Shows them how far it has come.
    show: &'a mut (dyn FnMut(Told) + Send),
    /// Reaches what they named, where they named any.
    files: Option<CallerFiles>,
}

/// Has done with the caller's files what the work asks for, by the caller's rights, until it ends.
fn answer(root: &Root, asked: mpsc::Receiver<Asked>) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().build()?;
    runtime.block_on(serve(root.clone(), asked));
    Ok(())
}

/// How the work can end otherwise than well.
enum Outcome {
    Failed(Failure),
    Held(Failure),
}

impl Outcome {
    fn failed(command: &Command, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed(Failure::because(command.to_string(), error))
    }
}

async fn carry_out(
    config: Config,
    proxies: ProxyVariables,
    command: &Command,
    onlooker: Onlooker<'_>,
) -> Result<Report, Outcome> {
    let store = match Store::open(config.store(StoreClock::system())).await {
        Ok(store) => store,
        Err(error) => return Err(refused(command, &error)),
    };
    let outcome = with_store(store.clone(), (config, proxies), command, onlooker).await;
    store.close().await;
    outcome.map_err(Outcome::Failed)
}

async fn with_store(
    store: Store,
    (config, proxies): (Config, ProxyVariables),
    command: &Command,
    onlooker: Onlooker<'_>,
) -> Result<Report, Failure> {
    let failed =
        |error: &(dyn std::error::Error + 'static)| Failure::because(command.to_string(), error);
    if matches!(command, Command::RepoList) && !store.index_ready() {
        store
            .rebuild_index()
            .await
            .map_err(|error| failed(&error))?;
    }
    let users = Arc::new(Users::open(&config.data).map_err(|error| failed(&error))?);
    let tasks = Tasks::new();
    let mirroring = mirroring(&store, &config, &tasks, proxies);
    // Its files are read by the commands that need them.
    mirroring.upstreams.trust().configure(&config.release);
    if command.asks_upstreams() {
        let upstreams = &mirroring.upstreams;
        upstreams
            .reload(&config.upstreams)
            .map_err(|error| failed(&error))?;
    }
    mirroring.roster.reload(&config.syncs).await;
    let parts = Parts {
        // Nobody will ever ask for these numbers.
        upkeep: Upkeep::new(store.clone(), Counts::default()),
        store,
        users,
        tls: None,
        mirroring,
        address: config.public_address(&[]),
        clock: Arc::new(SystemTime::now),
    };
    let context = Context::new(parts, config);
    let outcome = watched(&context, command, onlooker).await;
    // A job that was stopped notes that.
    tasks.drain(GRACE, pending()).await;
    outcome
}

/// What a command needs of other registries; the upstreams of the configuration are not opened yet.
fn mirroring(store: &Store, config: &Config, tasks: &Tasks, proxies: ProxyVariables) -> Mirroring {
    let clock = StoreClock::from_fn(SystemTime::now);
    let counts = UpstreamCounts::default();
    let upstreams = Upstreams::new(store.clone(), clock, tasks, proxies, counts);
    let jobs = JobParts {
        store: store.clone(),
        upstreams,
        tasks: tasks.clone(),
        clock: Arc::new(SystemTime::now),
        zone: TimeZone::system(),
        counts: JobCounts::default(),
    };
    let listeners = config.listen.iter().chain(&config.http_listen);
    Mirroring::new(jobs, listeners.copied().collect())
}

/// Carries out `command` where somebody looks on who may stop it.
async fn watched(
    context: &Context,
    command: &Command,
    onlooker: Onlooker<'_>,
) -> Result<Report, Failure> {
    let stop = CancellationToken::new();
    let (watch, mut told) = Watch::new(stop.clone());
    let Onlooker { show, files } = onlooker;
    let watch = match files {
        Some(files) => watch.with_files(files),
        None => watch,
    };
    let mut work = pin!(context.execute(command.clone(), &watch));
    let mut interrupt = pin!(interrupted(command));
    loop {
        tokio::select! {
            // In this order, so that there is an ear for Ctrl-C before there is work.
            biased;
            () = &mut interrupt, if !stop.is_cancelled() => stop.cancel(),
            Some(next) = told.recv() => show(next),
            outcome = &mut work => {
                while let Ok(last) = told.try_recv() {
                    show(last);
                }
                return outcome;
            }
        }
    }
}

fn refused(command: &Command, error: &StoreError) -> Outcome {
    let failure = Failure::because(command.to_string(), error);
    match error {
        StoreError::Locked { .. } => {
            Outcome::Held(failure.hint("wait for the other process, or stop it"))
        }
        StoreError::UnfinishedBackup { .. } => {
            Outcome::Failed(failure.hint("give the command that was to make it once more"))
        }
        StoreError::NotAStore { .. } => Outcome::Failed(failure.hint(HOW_TO_MAKE_ONE)),
        _ => Outcome::Failed(failure),
    }
}

const HOW_TO_MAKE_ONE: &str = "`roadstead serve` makes one; --data says where it is";

fn no_store(attempt: &str, data: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        let failure =
            Failure::new(attempt).since(format!("there is no store in {}", data.display()));
        return failure.hint(HOW_TO_MAKE_ONE);
    }
    Failure::new(attempt)
        .since(format!("look at {}", data.display()))
        .since(error.to_string())
}

/// Who owns the store.
#[derive(Clone, Copy)]
struct Owner {
    uid: Uid,
    gid: Gid,
}

fn owner(data: &Path) -> io::Result<Owner> {
    let metadata = fs::metadata(data)?;
    Ok(Owner {
        uid: Uid::from_raw(metadata.uid()),
        gid: Gid::from_raw(metadata.gid()),
    })
}

/// Makes this thread the owner's for good, groups first: without root there is no changing them.
fn become_owner(owner: Owner) -> io::Result<()> {
    set_thread_groups(&[owner.gid])?;
    set_thread_res_gid(owner.gid, owner.gid, owner.gid)?;
    set_thread_res_uid(owner.uid, owner.uid, owner.uid)?;
    Ok(())
}
