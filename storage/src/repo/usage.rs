//! What repositories take, and what removing from them would free.
//!
//! Content counts as needed by the manifests that refer to it, as in collection: a link alone keeps
//! nothing. So these figures read manifests from the files, and never ask the index.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::files::Files;
use crate::error::Error;
use crate::oci::{Digest, Manifest, RepoName, Tag};
use crate::record::{Principal, Timestamp};

/// What to remove from a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All of it, and the repository itself. Repositories nested below it stay.
    All,
    /// A manifest, and every tag that names it.
    Manifest(Digest),
    /// A tag; what it names stays, by its digest.
    Tag(Tag),
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// Tags removed.
    pub tags: Vec<Tag>,
    /// Manifests removed.
    pub manifests: Vec<Digest>,
    /// Manifests that lose their last tag and stay, with all they need.
    pub untagged: Vec<Digest>,
    /// Bytes that nothing in the store needs any more; collection reclaims them.
    pub freed_bytes: u64,
}

/// What a repository holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its name.
    pub name: RepoName,
    /// Its tags, in byte order.
    pub tags: Vec<TagSummary>,
    /// How many manifests it has, tagged or not.
    pub manifests: u64,
    /// Bytes of all content its manifests need and the store has, each counted once.
    pub bytes: u64,
    /// What its manifests refer to and it does not hold.
    pub missing: Vec<Digest>,
}

/// A tag and how it came to be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagSummary {
    /// The tag.
    pub name: Tag,
    /// What it names.
    pub digest: Digest,
    /// Since when.
    pub set_at: Timestamp,
    /// Who set it.
    pub by: Principal,
}

/// Content by digest, with its size in bytes where the store has it.
pub(super) type Content = BTreeMap<Digest, Option<u64>>;

impl Files {
    pub(super) fn summary(&self) -> Result<Option<Summary>, Error> {
        let Some(names) = self.sorted_tags()? else {
            return Ok(None);
        };
        let mut tags = Vec::with_capacity(names.len());
        for name in names {
            if let Some(record) = self.tag_record(&name)? {
                tags.push(TagSummary {
                    name,
                    digest: record.digest,
                    set_at: record.set_at,
                    by: record.by,
                });
            }
        }
        let mut content = Content::new();
        let mut missing = HashSet::new();
        let manifests = self.manifest_digests()?;
        for digest in &manifests {
            if let Some(manifest) = self.parse_manifest(*digest)? {
                missing.extend(self.missing(&manifest)?);
                self.add_needs(*digest, &manifest, &mut content)?;
            }
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_unstable();
        Ok(Some(Summary {
            name: self.name.clone(),
            tags,
            manifests: manifests.len() as u64,
            bytes: content.values().flatten().sum(),
            missing,
        }))
    }

    /// What removing `target` would take away; `None` when it is not there. `others` are all
    /// repositories of the store.
    pub(super) fn plan_removal(
        &self,
        target: &Target,
        others: &[Self],
    ) -> Result<Option<Removal>, Error> {
        let Some(all_tags) = self.sorted_tags()? else {
            return Ok(None);
        };
        let manifests = match target {
            Target::All => self.manifest_digests()?,
            Target::Manifest(digest) => vec![*digest],
            Target::Tag(tag) => {
                return self.tag_record(tag)?.map_or(Ok(None), |record| {
                    let is_last = self.tags_of(record.digest)?.len() == 1;
                    Ok(Some(Removal {
                        tags: vec![tag.clone()],
                        untagged: is_last.then_some(record.digest).into_iter().collect(),
                        ..Removal::default()
                    }))
                });
            }
        };
        let mut freed = Content::new();
        for digest in &manifests {
            let Some(manifest) = self.parse_manifest(*digest)? else {
                return Ok(None);
            };
            self.add_needs(*digest, &manifest, &mut freed)?;
        }
        let going: HashSet<_> = manifests.iter().copied().collect();
        for other in others {
            let stays = |digest: &Digest| other.name != self.name || !going.contains(digest);
            for digest in other.manifest_digests()?.into_iter().filter(stays) {
                if let Some(manifest) = other.parse_manifest(digest)? {
                    freed.remove(&digest);
                    for blob in manifest.blobs() {
                        freed.remove(&blob.digest);
                    }
                }
            }
        }
        let mut tags = Vec::new();
        for tag in all_tags {
            let named = self.tag_record(&tag)?.map(|record| record.digest);
            if *target == Target::All || named.is_some_and(|digest| going.contains(&digest)) {
                tags.push(tag);
            }
        }
        Ok(Some(Removal {
            tags,
            manifests,
            untagged: Vec::new(),
            freed_bytes: freed.values().flatten().sum(),
        }))
    }

    /// Adds a manifest and the blobs it refers to. Children are manifests of their own.
    pub(super) fn add_needs(
        &self,
        digest: Digest,
        manifest: &Manifest,
        content: &mut Content,
    ) -> Result<(), Error> {
        content.insert(digest, Some(manifest.bytes().len() as u64));
        for blob in manifest.blobs() {
            if let Entry::Vacant(unseen) = content.entry(blob.digest) {
                unseen.insert(self.stored_size(blob.digest)?);
            }
        }
        Ok(())
    }
}
