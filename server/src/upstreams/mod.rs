//! Other registries, ready to be asked: those of the configuration, and any that a command names.
//!
//! Those of the configuration are exchanged as one when that is read again; each has one client, which
//! pull-through and jobs share. Knows nothing of requests. Invariant: what a client of ours asks for
//! reaches only configured upstreams; the others are for commands and jobs.

mod description;
mod exposure;
mod trust;

use std::sync::{Arc, PoisonError, RwLock};

use roadstead_mirror::{
    Client, Credentials, PullThrough, Source, Sources, Spawn, Upstream as Description, api_host,
    default_prefix,
};
use roadstead_storage::{Clock, Store};

pub(crate) use self::description::Unusable;
pub(crate) use self::trust::{ReleaseTrust, Trust, Untrustworthy};
use crate::config::{ProxyVariables, Upstream};
use crate::shutdown::Tasks;
use crate::telemetry::upstream::UpstreamCounts;

/// What registries count as that only a command line names.
const OTHER: &str = "other";

/// The upstreams; clones share them.
#[derive(Clone)]
pub(crate) struct Upstreams(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    spawn: Spawn,
    proxies: ProxyVariables,
    counts: UpstreamCounts,
    trust: ReleaseTrust,
    known: RwLock<Known>,
}

/// What the configuration names. Clones share it.
#[derive(Clone, Default)]
struct Known {
    /// Those that are pulled through.
    sources: Arc<Sources>,
    /// All.
    registries: Arc<[Registry]>,
}

/// An upstream that the configuration names.
struct Registry {
    upstream: Upstream,
    description: Description,
    client: Client,
}

/// A registry to copy from.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    /// Asks it.
    pub(crate) client: Client,
    /// What its content lies under here if nothing else is said; may be empty.
    pub(crate) prefix: String,
}

/// What whoever copies brings along to log in with.
#[derive(Debug, Clone, Default)]
pub(crate) enum Login {
    /// Nothing: what the configuration says holds.
    #[default]
    Configured,
    /// What holds where the configuration says nothing.
    Found(Credentials),
    /// What holds whatever the configuration says.
    Given(Credentials),
}

impl Upstreams {
    /// None yet.
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        tasks: &Tasks,
        proxies: ProxyVariables,
        counts: UpstreamCounts,
    ) -> Self {
        let tasks = tasks.clone();
        Self(Arc::new(Inner {
            store,
            clock,
            spawn: Spawn::new(move |work| tasks.spawn_aside(work)),
            trust: ReleaseTrust::new(proxies.clone()),
            proxies,
            counts,
            known: RwLock::default(),
        }))
    }

    /// Lets these upstreams count from the next request on. What is under way goes on. Nothing is
    /// asked yet. The log says which credentials are open to others. Blocks.
    ///
    /// # Errors
    /// Names the upstream, and the file that cannot be used; then the old ones stay.
    pub(crate) fn reload(&self, configured: &[Upstream]) -> Result<(), Unusable> {
        let registries: Vec<Registry> = configured
            .iter()
            .map(|upstream| self.registry(upstream))
            .collect::<Result<_, _>>()?;
        let pulled = registries.iter();
        let pulled = pulled.filter(|registry| registry.upstream.pull_through);
        let sources = pulled.map(|registry| self.source(registry)).collect();
        let known = Known {
            sources: Arc::new(Sources::new(sources)),
            registries: registries.into(),
        };
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        let upstreams = configured.iter();
        exposure::tell_of_open(upstreams.filter_map(|upstream| upstream.auth_file.as_ref()));
        Ok(())
    }

    /// By what releases are judged, which come from them.
    pub(crate) fn trust(&self) -> &ReleaseTrust {
        &self.0.trust
    }

    /// Those that are pulled through.
    pub(crate) fn sources(&self) -> Arc<Sources> {
        let known = self.0.known.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.sources)
    }

    /// The registry that image references call so, to be copied from. Blocks.
    ///
    /// # Errors
    /// When nothing can have that name, or the system's certificates cannot be read.
    pub(crate) fn remote(&self, name: &str, login: &Login) -> Result<Remote, Unusable> {
        let known = self.known();
        let mut registries = known.registries.iter();
        let Some(registry) = registries.find(|registry| registry.is_called(name)) else {
            let mut description = description::named(name, &self.0.proxies)?;
            if let Login::Found(credentials) | Login::Given(credentials) = login {
                description.credentials = credentials.clone();
            }
            return Ok(Remote {
                client: Client::new(&description).noting(self.0.counts.notes(OTHER)),
                prefix: default_prefix(name),
            });
        };
        let client = match login {
            Login::Given(credentials) => self.client(registry, credentials),
            Login::Found(credentials) if registry.upstream.auth_file.is_none() => {
                self.client(registry, credentials)
            }
            _ => registry.client.clone(),
        };
        Ok(Remote {
            client,
            prefix: registry.upstream.prefix.clone(),
        })
    }

    fn known(&self) -> Known {
        let known = self.0.known.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn registry(&self, upstream: &Upstream) -> Result<Registry, Unusable> {
        let description = description::configured(upstream, &self.0.proxies)?;
        Ok(Registry {
            upstream: upstream.clone(),
            client: self.noted(&description),
            description,
        })
    }

    /// Another client of an upstream, that logs in otherwise.
    fn client(&self, registry: &Registry, credentials: &Credentials) -> Client {
        self.noted(&Description {
            credentials: credentials.clone(),
            ..registry.description.clone()
        })
    }

    fn noted(&self, description: &Description) -> Client {
        Client::new(description).noting(self.0.counts.notes(&description.name))
    }

    fn source(&self, registry: &Registry) -> Source {
        let Registry {
            upstream, client, ..
        } = registry;
        let pull_through = PullThrough::new(
            self.0.store.clone(),
            client.clone(),
            self.0.spawn.clone(),
            self.0.clock.clone(),
            upstream.tag_max_age.duration(),
        );
        Source {
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
        }
    }
}

impl Registry {
    fn is_called(&self, name: &str) -> bool {
        let mut names = std::iter::once(&self.upstream.name).chain(&self.upstream.hosts);
        names.any(|own| api_host(own).eq_ignore_ascii_case(api_host(name)))
    }
}
