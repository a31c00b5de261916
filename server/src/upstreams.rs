//! The upstreams of the configuration, ready to be asked.
//!
//! Reads the files that they name, and puts each together: whom it trusts, how it is logged in to,
//! through which proxy it is reached. They are exchanged as one when the configuration is read again.
//! Knows nothing of requests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use roadstead_certs::{Trust, client_config};
use roadstead_mirror::{
    Client, Credentials, InvalidCredentials, Proxies, PullThrough, Source, Sources, Spawn,
    Timeouts, Upstream as Description,
};
use roadstead_storage::{Clock, Store};
use thiserror::Error;
use tracing::warn;

use crate::config::{ProxyVariables, Upstream};
use crate::shutdown::Tasks;
use crate::telemetry::upstream::UpstreamCounts;

/// The upstreams that are pulled through; clones share them.
#[derive(Clone)]
pub(crate) struct Upstreams(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    spawn: Spawn,
    proxies: ProxyVariables,
    counts: UpstreamCounts,
    sources: RwLock<Arc<Sources>>,
}

/// An upstream cannot be used as it is configured.
#[derive(Debug, Error)]
#[error("the upstream {upstream}")]
pub(crate) struct Unusable {
    upstream: String,
    #[source]
    source: Problem,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}", path.display())]
    Credentials {
        path: PathBuf,
        #[source]
        source: InvalidCredentials,
    },
    #[error("{}", path.display())]
    Certificates {
        path: PathBuf,
        #[source]
        source: roadstead_certs::Error,
    },
    #[error("TLS")]
    Tls {
        #[source]
        source: roadstead_certs::Error,
    },
}

impl Upstreams {
    /// Makes them ready; nothing is asked yet. Blocks.
    ///
    /// # Errors
    /// Names the upstream, and the file that cannot be used.
    pub(crate) fn open(
        configured: &[Upstream],
        store: Store,
        clock: Clock,
        tasks: &Tasks,
        proxies: ProxyVariables,
        counts: UpstreamCounts,
    ) -> Result<Self, Unusable> {
        let tasks = tasks.clone();
        let upstreams = Self(Arc::new(Inner {
            store,
            clock,
            spawn: Spawn::new(move |work| tasks.spawn(work)),
            proxies,
            counts,
            sources: RwLock::default(),
        }));
        upstreams.reload(configured)?;
        Ok(upstreams)
    }

    /// Lets these upstreams count from the next request on. What is under way goes on. Blocks.
    ///
    /// # Errors
    /// As [`Upstreams::open`]; then the old ones stay.
    pub(crate) fn reload(&self, configured: &[Upstream]) -> Result<(), Unusable> {
        let pulled = configured.iter().filter(|upstream| upstream.pull_through);
        let sources: Result<_, _> = pulled.map(|upstream| self.source(upstream)).collect();
        let sources = Arc::new(Sources::new(sources?));
        *self
            .0
            .sources
            .write()
            .unwrap_or_else(PoisonError::into_inner) = sources;
        Ok(())
    }

    /// Those that are in force.
    pub(crate) fn sources(&self) -> Arc<Sources> {
        let sources = self.0.sources.read();
        Arc::clone(&sources.unwrap_or_else(PoisonError::into_inner))
    }

    fn source(&self, upstream: &Upstream) -> Result<Source, Unusable> {
        let description = self.describe(upstream).map_err(|source| Unusable {
            upstream: upstream.name.clone(),
            source,
        })?;
        let pull_through = PullThrough::new(
            self.0.store.clone(),
            Client::new(&description).noting(self.0.counts.notes(&upstream.name)),
            self.0.spawn.clone(),
            self.0.clock.clone(),
            upstream.tag_max_age.duration(),
        );
        Ok(Source {
            name: upstream.name.clone(),
            aliases: upstream.hosts.clone(),
            prefix: upstream.prefix.clone(),
            repositories: upstream
                .repositories
                .iter()
                .map(|pattern| pattern.matcher().clone())
                .collect(),
            anonymous_fill: upstream.anonymous_fill || upstream.auth_file.is_none(),
            writable: upstream.writable,
            pull_through: Arc::new(pull_through),
        })
    }

    fn describe(&self, upstream: &Upstream) -> Result<Description, Problem> {
        let credentials = match &upstream.auth_file {
            Some(path) => {
                Credentials::parse(&read(path)?).map_err(|source| Problem::Credentials {
                    path: path.clone(),
                    source,
                })?
            }
            None => Credentials::default(),
        };
        let mut trust = Trust::of_system();
        if let Some(path) = &upstream.ca_file {
            let own = Trust::from_pem(&read(path)?);
            trust = trust.and(own.map_err(|source| Problem::Certificates {
                path: path.clone(),
                source,
            })?);
        }
        let tls = client_config(trust).map_err(|source| Problem::Tls { source })?;
        let ProxyVariables { http, https, no } = &self.0.proxies;
        let proxies = match &upstream.proxy {
            Some(proxy) => Proxies::always(&proxy.reveal(), no),
            None => Proxies::of_environment(http, https, no),
        };
        if upstream
            .locations
            .iter()
            .any(|location| location.authority().port() == 80)
        {
            warn!(upstream = %upstream.name, "An upstream is reached without encryption");
        }
        Ok(Description {
            name: upstream.name.clone(),
            locations: upstream.locations.clone(),
            credentials,
            tls: Arc::new(tls),
            proxies,
            token_hosts: upstream.token_hosts.clone(),
            redirect_hosts: upstream.redirect_hosts.clone(),
            max_connections: upstream.max_connections.into(),
            timeouts: Timeouts::default(),
        })
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|source| Problem::Read {
        path: path.to_owned(),
        source,
    })
}
