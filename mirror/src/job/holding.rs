//! What one repository of the store already holds of an image.
//!
//! Invariant: it is asked, never the upstream; what was pulled through does not count as held, since it
//! may be trimmed, unless it becomes mirrored.

use std::sync::Arc;

use roadstead_storage::oci::{Digest, Manifest, Reference, Tag};
use roadstead_storage::{Error as StoreError, Origin, Repo, Store, TagState};

use super::failure::Failure;
use super::image::{Need, Node};

/// How many repositories that may have a blob are asked for it.
const HOLDERS: usize = 4;

/// A repository of the store that images are to come to.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    store: Store,
    repo: Repo,
}

impl Holding {
    pub(super) fn new(store: &Store, repo: Repo) -> Self {
        Self {
            store: store.clone(),
            repo,
        }
    }

    /// What a tag names, where it is to stay.
    pub(super) async fn tag(&self, tag: &Tag) -> Result<Option<TagState>, Failure> {
        let state = self.repo.tag(tag).await?;
        Ok(state.filter(|state| state.origin != Origin::PulledThrough))
    }

    /// Whether a manifest is here, to stay or not.
    pub(super) async fn has(&self, digest: Digest) -> Result<bool, Failure> {
        let reference = Reference::Digest(digest);
        Ok(self.repo.manifest_record(&reference).await?.is_some())
    }

    /// A manifest.
    pub(super) async fn manifest(&self, digest: Digest) -> Result<Option<Arc<Manifest>>, Failure> {
        let stored = self.repo.manifest(&Reference::Digest(digest)).await?;
        let parsed = stored.and_then(|stored| {
            // What cannot be read any more is fetched anew.
            Manifest::parse(Some(stored.media_type.as_str()), stored.bytes).ok()
        });
        Ok(parsed.map(Arc::new))
    }

    /// Whether a manifest is here to stay, under its tags, with all its blobs.
    pub(super) async fn is_whole(&self, node: &Node) -> Result<bool, Failure> {
        if !stays(&self.repo, node.digest).await? {
            return Ok(false);
        }
        for tag in &node.tags {
            let named = self.tag(tag).await?;
            if named.is_none_or(|named| named.digest != node.digest) {
                return Ok(false);
            }
        }
        for blob in node.manifest.blobs() {
            if blob.is_held_here() && self.repo.blob_size(blob.digest).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The blobs that manifests need, each once. Foreign layers stay where they are.
    pub(super) async fn needs(&self, nodes: &[Node]) -> Result<Vec<Need>, Failure> {
        let mut needs: Vec<Need> = nodes
            .iter()
            .flat_map(|node| node.manifest.blobs())
            .filter(|blob| blob.is_held_here())
            .map(|blob| Need {
                blob: blob.digest,
                size: blob.size,
                is_here: false,
            })
            .collect();
        needs.sort_unstable_by_key(|need| need.blob);
        needs.dedup_by_key(|need| need.blob);
        for need in &mut needs {
            need.is_here = has_blob(&self.store, &self.repo, need.blob).await?;
        }
        Ok(needs)
    }
}

/// Whether a blob is in the store, in this repository or in another one.
pub(crate) async fn has_blob(store: &Store, repo: &Repo, blob: Digest) -> Result<bool, StoreError> {
    if repo.blob_size(blob).await?.is_some() {
        return Ok(true);
    }
    for holder in store.repositories_holding(blob, HOLDERS).await {
        if store.repo(&holder).blob_size(blob).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a manifest is in a repository and will not be trimmed.
pub(super) async fn stays(repo: &Repo, digest: Digest) -> Result<bool, Failure> {
    let record = repo.manifest_record(&Reference::Digest(digest)).await?;
    Ok(record.is_some_and(|record| record.origin != Origin::PulledThrough))
}
