//! One manifest after the other: what a reference names, and all that it lists.
//!
//! What the store holds is not read again. Invariant: what an upstream makes up comes to an end: lists
//! nest only so deep, and only so many manifests are looked at for one image.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roadstead_storage::oci::{Digest, Manifest, Reference, Tag};

use super::choice;
use super::crowd;
use super::failure::Failure;
use super::holding::Holding;
use super::image::Node;
use super::order::Platforms;
use super::remote::Remote;

/// How deep lists of images may nest.
const MAX_DEPTH: usize = 4;
/// How many manifests are looked at for one image.
const MAX_MANIFESTS: usize = 2000;
/// How many manifests of one list are asked for at once.
pub(super) const AT_ONCE: usize = 4;

/// The manifests of one image, between a repository of an upstream and one of the store.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) remote: &'a Remote,
    pub(super) holding: Holding,
    looked_at: AtomicUsize,
}

/// What a manifest is looked at as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// What belongs to an image: as far as it is there.
    Companion,
    /// The image itself: all that is wanted of it.
    Image(&'a Platforms),
}

type Expanded<'a> = Pin<Box<dyn Future<Output = Result<Vec<Node>, Failure>> + Send + 'a>>;

impl<'g> Graph<'g> {
    pub(super) fn new(remote: &'g Remote, holding: Holding) -> Self {
        Self {
            remote,
            holding,
            looked_at: AtomicUsize::new(0),
        }
    }

    /// What the upstream means by a reference; asks only what it names where that is here already.
    pub(super) async fn top(
        &self,
        reference: &Reference,
        held_as: Option<&Tag>,
    ) -> Result<(Digest, Arc<Manifest>), Failure> {
        let tag = match reference {
            Reference::Digest(digest) => return Ok((*digest, self.load(*digest).await?)),
            Reference::Tag(tag) => tag,
        };
        let is_held = match held_as {
            Some(held_as) => self.holding.tag(held_as).await?.is_some(),
            None => false,
        };
        if is_held
            && let Some(told) = self.remote.digest(tag).await?
            && let Some(held) = self.holding.manifest(told).await?
        {
            return Ok((told, held));
        }
        self.remote.named(tag).await
    }

    /// A manifest by its digest, and all that it lists, itself last. Nothing of what belongs to an image
    /// where that is not there.
    pub(super) async fn listed(
        &self,
        digest: Digest,
        part: Part<'_>,
        depth: usize,
    ) -> Result<Vec<Node>, Failure> {
        match (self.load(digest).await, part) {
            (Err(failure), Part::Companion) if failure.is_passable() => Ok(Vec::new()),
            (loaded, _) => self.expand(digest, loaded?, part, depth).await,
        }
    }

    /// A manifest and all that it lists, itself last.
    pub(super) fn expand<'a>(
        &'a self,
        digest: Digest,
        manifest: Arc<Manifest>,
        part: Part<'a>,
        depth: usize,
    ) -> Expanded<'a> {
        Box::pin(async move {
            if depth > MAX_DEPTH {
                return Err(Failure::Nested { digest });
            }
            if self.looked_at.fetch_add(1, Ordering::Relaxed) >= MAX_MANIFESTS {
                let most = MAX_MANIFESTS;
                return Err(Failure::TooLarge { most });
            }
            let platforms = match part {
                Part::Companion => &Platforms::All,
                Part::Image(platforms) => platforms,
            };
            let mut seen = HashSet::new();
            let mut children = Vec::new();
            for child in choice::of(digest, &manifest, platforms)? {
                if seen.insert(child.digest) {
                    children.push(self.listed(child.digest, part, depth + 1));
                }
            }
            let expanded = crowd::all(AT_ONCE, children).await?;
            let mut nodes: Vec<_> = expanded.into_iter().flatten().collect();
            nodes.push(Node {
                digest,
                manifest,
                tags: Vec::new(),
            });
            Ok(nodes)
        })
    }

    /// A manifest, from here if it is here.
    async fn load(&self, digest: Digest) -> Result<Arc<Manifest>, Failure> {
        match self.holding.manifest(digest).await? {
            Some(held) => Ok(held),
            None => self.remote.manifest(digest).await,
        }
    }
}
