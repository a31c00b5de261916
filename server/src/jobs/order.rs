//! What is wanted, put together for the engine: sources, and where their content lies here.
//!
//! Owns the rule of names: what comes from a registry lies under that registry's prefix, unless it is
//! said otherwise. Knows neither commands nor the configuration file. Invariant: one order has one
//! client for each registry.

use std::collections::HashMap;

use roadstead_mirror::job::{
    Lost, Order, Place, Platforms, Registry, Selection, Set, SourceRef, WantedPlatform, Wish,
};
use roadstead_mirror::openshift::sample_place;
use roadstead_storage::Principal;
use roadstead_storage::oci::{Digest, InvalidName, InvalidTag, Reference, RepoName, Tag};
use thiserror::Error;

use crate::config::Sync;
use crate::jobs::found::Found;
use crate::jobs::release::Believed;
use crate::jobs::samples::Samples;
use crate::upstreams::{Login, Remote, Unusable, Upstreams};

/// An order that is being put together.
pub(crate) struct Draft<'a> {
    upstreams: &'a Upstreams,
    login: Login,
    remotes: HashMap<String, Remote>,
    order: Order,
    /// How many releases are wanted.
    sets: usize,
}

impl<'a> Draft<'a> {
    /// An order of nothing yet, by this principal.
    pub(crate) fn new(upstreams: &'a Upstreams, login: Login, by: Principal) -> Self {
        Self {
            upstreams,
            login,
            remotes: HashMap::new(),
            sets: 0,
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
            is_optional: false,
        });
        Ok(())
    }

    /// Wants a release, here and where its registries' content lies: its components, and once they are all
    /// here, its image. Blocks.
    ///
    /// # Errors
    /// As [`Draft::want`], or when what it or a component calls itself cannot stand in a tag.
    pub(crate) fn want_release(&mut self, believed: &Believed) -> Result<(), Error> {
        let (release, layout) = (&believed.release, &believed.layout);
        self.sets += 1;
        let set = |is_head| {
            let number = self.sets;
            Some(Set { number, is_head })
        };
        let (part, head) = (set(false), set(true));
        for component in release.payload().components() {
            let image = component.image();
            let tag = release.component_tag(component)?;
            let wish = self.by_digest(image.registry(), image.repository(), image.digest())?;
            let also = vec![(wish.local.clone(), None)];
            self.place(Wish { set: part, ..wish }, &layout.components, tag, also);
        }
        let (name, digest) = (release.name(), release.digest());
        let source = name.source();
        let wish = self.by_digest(source.registry(), source.repository(), digest)?;
        let there = match name.reference() {
            Reference::Tag(tag) => Some(tag.clone()),
            Reference::Digest(_) => None,
        };
        let also = vec![(wish.local.clone(), there)];
        self.place(
            Wish { set: head, ..wish },
            &layout.images,
            release.tag()?,
            also,
        );
        Ok(())
    }

    /// Wants the images of samples, where clusters will look for them; what their registries no longer
    /// have may be missing. What nobody could ask for here is told of. Blocks.
    ///
    /// # Errors
    /// When a registry cannot be used.
    pub(crate) fn want_samples(&mut self, samples: &Samples) -> Result<(), Error> {
        let prefix = samples.prefix();
        let mut places = HashMap::new();
        // Of two registries that have it, the later in their order is the one that takes a login.
        for image in samples.images() {
            match (
                sample_place(image, prefix.as_ref()),
                image.parse::<SourceRef>(),
            ) {
                (Ok(place), Ok(source)) => drop(places.insert(place, source)),
                (Err(error), _) => self.lose(image.to_owned(), error.to_string()),
                (_, Err(error)) => self.lose(image.to_owned(), error.to_string()),
            }
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_unstable_by_key(|(_, source)| source.to_string());
        for ((repository, tag), source) in places {
            self.want(&source, Some((repository, Some(tag))))?;
            if let Some(wish) = self.order.wishes.last_mut() {
                wish.is_optional = true;
            }
        }
        Ok(())
    }

    /// Wants something by its digest, where its registry's content lies.
    fn by_digest(
        &mut self,
        registry: &str,
        repository: &RepoName,
        digest: Digest,
    ) -> Result<Wish, Error> {
        let remote = self.remote(registry)?;
        Ok(Wish {
            client: remote.client,
            remote: repository.clone(),
            local: local(&remote.prefix, repository)?,
            selection: Selection::Digest(digest),
            tag: None,
            also: Vec::new(),
            set: None,
            is_optional: false,
        })
    }

    /// Has a wish lie here, under this tag, and there as well, unless that is the same.
    fn place(&mut self, wish: Wish, here: &RepoName, tag: Tag, also: Vec<(RepoName, Option<Tag>)>) {
        let also = also
            .into_iter()
            .map(|(repository, tag)| Place { repository, tag });
        let also = also.filter(|place| {
            place.repository != *here || place.tag.as_ref().is_some_and(|other| *other != tag)
        });
        let also = also.collect();
        let (local, tag) = (here.clone(), Some(tag));
        self.order.wishes.push(Wish {
            local,
            tag,
            also,
            ..wish
        });
    }

    /// Tells of something that was wanted and cannot be had.
    pub(crate) fn lose(&mut self, source: String, because: String) {
        self.order.lost.push(Lost { source, because });
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
pub(super) fn of_job(job: &Sync, found: &Found, upstreams: &Upstreams) -> Result<Order, Error> {
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
    for release in &found.releases {
        draft.want_release(release)?;
    }
    for (_, samples) in &found.samples {
        draft.want_samples(samples)?;
    }
    draft.order.lost.extend_from_slice(&found.lost);
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
    /// What a release or a component calls itself is no tag.
    #[error("make a tag of what a release calls itself")]
    Tag(#[from] InvalidTag),
    /// A registry cannot be used.
    #[error(transparent)]
    Upstream(#[from] Unusable),
}
