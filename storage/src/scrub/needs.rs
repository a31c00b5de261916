//! Who needs what in one repository, as far as a loss may concern it.
//!
//! Kept small on purpose: of the blobs that manifests refer to only those are remembered that are known
//! to be lost. Children of indexes all are, since a lost one may turn up later.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::report::Affected;
use crate::oci::{Digest, Manifest, RepoName, Tag};

/// What is known of one repository.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// The manifests that refer to some content.
    parents: HashMap<Digest, Vec<Digest>>,
    /// The tags that name a manifest.
    tags: HashMap<Digest, Vec<Tag>>,
    /// What the repository had of its own right and has lost: manifests with a record, linked blobs.
    lost: HashSet<Digest>,
}

impl Needs {
    /// The repository has a manifest, whole. Blobs count that `is_lost` says are.
    pub(super) fn add_manifest(
        &mut self,
        digest: Digest,
        manifest: &Manifest,
        is_lost: impl Fn(&Digest) -> bool,
    ) {
        let blobs = manifest.blobs().iter().filter(|blob| is_lost(&blob.digest));
        for content in blobs.chain(manifest.children()) {
            self.parents.entry(content.digest).or_default().push(digest);
        }
    }

    /// A tag names a manifest.
    pub(super) fn add_tag(&mut self, tag: Tag, digest: Digest) {
        self.tags.entry(digest).or_default().push(tag);
    }

    /// The repository itself has lost some content.
    pub(super) fn add_lost(&mut self, digest: Digest) {
        self.lost.insert(digest);
    }

    /// Adds to `affected` what the loss of `content` means for the repository, which is called `name`.
    pub(super) fn affected(
        &self,
        name: &RepoName,
        content: Digest,
        affected: &mut BTreeSet<Affected>,
    ) {
        if self.lost.contains(&content) {
            affected.insert(Affected::digest(name, content));
        }
        let mut pending = vec![content];
        while let Some(content) = pending.pop() {
            for tag in self.tags.get(&content).into_iter().flatten() {
                affected.insert(Affected::tag(name, tag.clone()));
            }
            for parent in self.parents.get(&content).into_iter().flatten() {
                // What was seen has been gone on with: one manifest may have many ways to the loss.
                if affected.insert(Affected::digest(name, *parent)) {
                    pending.push(*parent);
                }
            }
        }
    }
}
