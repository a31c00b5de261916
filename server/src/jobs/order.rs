//! What is wanted, put together for the engine: sources, and where their content lies here.
//!
//! Owns the rule of names: what comes from a registry lies under that registry's prefix, unless it is
//! said otherwise. Knows neither commands nor the configuration file. Invariant: one order has one
//! client for each registry.

use std::collections::HashMap;

use roadstead_mirror::job::{Order, Platforms, Registry, SourceRef, WantedPlatform, Wish};
use roadstead_storage::Principal;
use roadstead_storage::oci::{InvalidName, RepoName, Tag};
use thiserror::Error;

use crate::config::Sync;
use crate::upstreams::{Login, Remote, Unusable, Upstreams};

/// An order that is being put together.
pub(crate) struct Draft<'a> {
    upstreams: &'a Upstreams,
    login: Login,
    remotes: HashMap<String, Remote>,
    order: Order,
}

impl<'a> Draft<'a> {
    /// An order of nothing yet, by this principal.
    pub(crate) fn new(upstreams: &'a Upstreams, login: Login, by: Principal) -> Self {
        Self {
            upstreams,
            login,
            remotes: HashMap::new(),
            order: Order {
                wishes: Vec::new(),
                registries: Vec::new(),
                lost: Vec::new(),
                platforms: Platforms::All,
                skip_missing: false,
                prune: false,
                by,
            },
        }
    }

    /// Wants only these platforms; all, if there are none.
    #[must_use]
    pub(crate) fn for_platforms(mut self, platforms: &[WantedPlatform]) -> Self {
        if !platforms.is_empty() {
            self.order.platforms = Platforms::Only(platforms.to_vec());
        }
        self
    }

    /// Passes over what an upstream does not have.
    #[must_use]
    pub(crate) fn skipping_missing(mut self, skips: bool) -> Self {
        self.order.skip_missing = skips;
        self
    }

    /// Wants a source, here or where its registry's content lies; under this tag, or its own. Blocks.
    ///
    /// # Errors
    /// When its registry cannot be used, or the name here would be none.
    pub(crate) fn want(
        &mut self,
        source: &SourceRef,
        to: Option<(RepoName, Option<Tag>)>,
    ) -> Result<(), Error> {
        let remote = self.remote(source.registry())?;
        let repository = source.repository();
        let (local, tag) = match to {
            Some(to) => to,
            None => (local(&remote.prefix, repository)?, None),
        };
        self.order.wishes.push(Wish {
            client: remote.client,
            remote: repository.clone(),
            local,
            selection: source.selection().clone(),
            tag: tag.or_else(|| source.tag().cloned()),
            also: Vec::new(),
            set: None,
        });
        Ok(())
    }

    /// The order.
    pub(crate) fn finish(self) -> Order {
        self.order
    }

    fn remote(&mut self, registry: &str) -> Result<Remote, Unusable> {
        if let Some(remote) = self.remotes.get(registry) {
            return Ok(remote.clone());
        }
        let remote = self.upstreams.remote(registry, &self.login)?;
        self.remotes.insert(registry.to_owned(), remote.clone());
        Ok(remote)
    }
}

/// What a job of the configuration wants. Blocks.
///
/// # Errors
/// When a registry cannot be used, or a name here would be none.
pub(super) fn of_job(job: &Sync, upstreams: &Upstreams) -> Result<Order, Error> {
    let by = Principal::new(format!("sync {}", job.name));
    let mut draft = Draft::new(upstreams, Login::Configured, by).for_platforms(&job.platforms);
    for image in &job.images {
        draft.want(image, None)?;
    }
    if let Some(registry) = &job.from {
        let client = draft.remote(registry)?.client;
        let patterns = job.repositories.iter();
        draft.order.registries.push(Registry {
            client,
            repositories: patterns.map(|pattern| pattern.matcher().clone()).collect(),
            to: job.to.clone(),
        });
    }
    draft.order.prune = job.prune;
    Ok(draft.finish())
}

/// Where a repository lies under a prefix.
fn local(prefix: &str, repository: &RepoName) -> Result<RepoName, Error> {
    if prefix.is_empty() {
        return Ok(repository.clone());
    }
    let name = format!("{prefix}/{repository}");
    name.parse().map_err(|source| Error::Name { name, source })
}

/// An order cannot be put together.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// What its content would lie under here is no name.
    #[error("lay it down as {name}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: InvalidName,
    },
    /// A registry cannot be used.
    #[error(transparent)]
    Upstream(#[from] Unusable),
}
