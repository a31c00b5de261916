//! What one goes with another: tags and manifests of several repositories, removed together.
//!
//! What that frees is not the sum of what each would free alone, for they share content. Knows nothing of
//! why they go. Neither disabled deletes nor immutable tags stand in the way of who looks after the store.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::files::Files;
use super::usage::Content;
use crate::error::Error;
use crate::oci::{Digest, RepoName, Tag};
use crate::rehash::is_loss;

/// What goes of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Going {
    /// Tags; what they name stays if it is not among the manifests.
    pub tags: BTreeSet<Tag>,
    /// Manifests, with all their tags.
    pub manifests: BTreeSet<Digest>,
}

/// What this frees in bytes, when collection comes by: what nothing that stays needs.
pub(crate) fn freed(all: &[Files], going: &BTreeMap<RepoName, Going>) -> Result<u64, Error> {
    let mut content = Content::new();
    let goes = |files: &Files, digest: &Digest| {
        let going = going.get(&files.name);
        going.is_some_and(|going| going.manifests.contains(digest))
    };
    for files in all {
        for digest in files.manifest_digests()? {
            if !goes(files, &digest) {
                continue;
            }
            match files.parse_manifest(digest) {
                Ok(Some(manifest)) => files.add_needs(digest, &manifest, &mut content)?,
                Ok(None) => {}
                // A damaged one may go too, and then nobody knows what it needed.
                Err(error) if is_loss(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    for files in all {
        for digest in files.manifest_digests()? {
            if goes(files, &digest) {
                continue;
            }
            if let Some(manifest) = files.parse_manifest(digest)? {
                content.remove(&digest);
                for blob in manifest.blobs() {
                    content.remove(&blob.digest);
                }
            }
        }
    }
    Ok(content.values().flatten().sum())
}

impl Files {
    /// Removes these tags and manifests; what is not there already went.
    pub(crate) fn remove_several(&self, going: &Going) -> Result<(), Error> {
        self.remove_tags(&going.tags.iter().cloned().collect::<Vec<_>>())?;
        let mut there = HashSet::new();
        for digest in &going.manifests {
            match self.parse_manifest(*digest) {
                Ok(Some(_)) => drop(there.insert(*digest)),
                Ok(None) => {}
                // It goes by itself: those that go together have to be read.
                Err(error) if is_loss(&error) => drop(self.delete(*digest)?),
                Err(error) => return Err(error),
            }
        }
        self.delete_many(&there).map(drop)
    }
}
