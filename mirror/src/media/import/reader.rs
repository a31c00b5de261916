//! Manifests, from the store where they are here, else from a tree.
//!
//! Invariant: what a tree has is what its digest says, or is not taken.

use std::collections::HashSet;
use std::sync::Arc;

use roadstead_storage::oci::{Digest, MAX_MANIFEST, Manifest, Reference};
use roadstead_storage::{Origin, Repo, Store};
use serde::Deserialize;

use super::Need;
use crate::job::holding::has_blob;
use crate::media::failure::Failure;
use crate::media::graph::{Manifests, Node, blobs, parse};
use crate::media::survey::{Survey, small};
use crate::media::tree::Tree;

/// The largest configuration of an image that is looked into, in bytes.
const MAX_CONFIG: u64 = 4 * 1024 * 1024;
/// What the configuration of a release image has.
const RELEASE_LABEL: &str = "io.openshift.release";

/// Reads for one repository.
pub(super) struct Reader<'a, T> {
    pub(super) store: &'a Store,
    pub(super) repo: Repo,
    pub(super) tree: &'a T,
    pub(super) survey: &'a Survey,
}

impl<T: Tree> Manifests for Reader<'_, T> {
    async fn manifest(&self, digest: Digest) -> Result<Arc<Manifest>, Failure> {
        if let Some(stored) = self.repo.manifest(&Reference::Digest(digest)).await? {
            let media_type = Some(stored.media_type.as_str());
            // What cannot be read any more is taken from the tree.
            if let Ok(manifest) = Manifest::parse(media_type, stored.bytes) {
                return Ok(Arc::new(manifest));
            }
        }
        let mut failure = Failure::Missing { digest };
        for place in self.survey.places.get(&digest).into_iter().flatten() {
            let bytes = small(self.tree, &place.path, place.size).await?;
            if bytes.len() <= MAX_MANIFEST && Digest::of(digest.algorithm(), &bytes) == digest {
                return parse(digest, bytes.into());
            }
            let path = place.path.clone();
            failure = Failure::Damaged { path };
        }
        Err(failure)
    }
}

impl<T: Tree> Reader<'_, T> {
    /// The blobs that manifests need, and whether they are in the store. Those that are nowhere are a
    /// failure.
    pub(super) async fn needs(&self, nodes: &[Node]) -> Result<Vec<Need>, Failure> {
        let mut needs = Vec::new();
        for (blob, size) in blobs(nodes) {
            let is_here = has_blob(self.store, &self.repo, blob).await?;
            let need = Need {
                blob,
                size,
                is_here,
            };
            if !is_here {
                self.survey.place_of(need.blob, need.size)?;
            }
            needs.push(need);
        }
        Ok(needs)
    }

    /// Whether all manifests are here to stay, with all their blobs.
    pub(super) async fn is_whole(&self, nodes: &[Node], needs: &[Need]) -> Result<bool, Failure> {
        for node in nodes {
            let reference = Reference::Digest(node.digest);
            let record = self.repo.manifest_record(&reference).await?;
            if record.is_none_or(|record| record.origin == Origin::PulledThrough) {
                return Ok(false);
            }
        }
        for need in needs {
            if self.repo.blob_size(need.blob).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether one of these manifests is that of an `OpenShift` release.
    pub(super) async fn is_release(&self, nodes: &[Node]) -> Result<bool, Failure> {
        let mut seen = HashSet::new();
        for node in nodes
            .iter()
            .filter(|node| node.manifest.media_type().is_image())
        {
            let Some(config) = node.manifest.blobs().first() else {
                continue;
            };
            if seen.insert(config.digest) && config.size <= MAX_CONFIG {
                let bytes = self.config(config.digest, config.size).await?;
                if names_release(&bytes) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A configuration, from here or from the tree. It is only looked into, so that its digest is not.
    async fn config(&self, digest: Digest, size: u64) -> Result<Vec<u8>, Failure> {
        if let Some(held) = self.repo.blob(digest).await? {
            let length = usize::try_from(held.size().min(MAX_CONFIG)).unwrap_or(usize::MAX);
            return Ok(held.read(0, length).await?.into());
        }
        match self.survey.place_of(digest, size) {
            Ok(place) => small(self.tree, &place.path, place.size).await,
            Err(_) => Ok(Vec::new()),
        }
    }
}

fn names_release(config: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Document {
        config: Option<Config>,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "Labels")]
        labels: Option<serde_json::Map<String, serde_json::Value>>,
    }
    let document: Option<Document> = serde_json::from_slice(config).ok();
    let labels = document.and_then(|document| document.config?.labels);
    labels.is_some_and(|labels| labels.contains_key(RELEASE_LABEL))
}
