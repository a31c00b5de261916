//! What the commands that look after the store have to tell.
//!
//! The documents of their `--json`, like all of `admin::report`; the words in them for problems and
//! outcomes are the store's own.

use roadstead_storage::{self as storage, Stat, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the store holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreContent {
    /// Repositories.
    pub(crate) repositories: u64,
    /// Tags of all repositories.
    pub(crate) tags: u64,
    /// Manifests of all repositories.
    pub(crate) manifests: u64,
    /// Blobs, manifests among them.
    pub(crate) blobs: u64,
    /// Bytes of these blobs.
    pub(crate) blob_bytes: u64,
    /// Uploads in progress.
    pub(crate) uploads: u64,
    /// What room there is, in bytes.
    pub(crate) space: Space,
}

/// What the store takes, may take, and has to leave, in bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Space {
    /// What all blobs and uploads take; counted only where it is limited.
    pub(crate) used: Option<u64>,
    /// What they may take.
    pub(crate) max_size: Option<u64>,
    /// What of the disk is free.
    pub(crate) free: u64,
    /// What of the disk has to stay free.
    pub(crate) keep_free: u64,
}

/// What a backup copied, and what the copy holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackedUp {
    /// Repositories in the copy.
    pub(crate) repositories: u64,
    /// Tags of all of these.
    pub(crate) tags: u64,
    /// Manifests of all of these.
    pub(crate) manifests: u64,
    /// Blobs in the copy, manifests among them.
    pub(crate) blobs: u64,
    /// Blobs copied this time.
    pub(crate) copied_blobs: u64,
    /// Bytes of these.
    pub(crate) copied_bytes: u64,
    /// Blobs taken away from the copy, since nothing in it needs them any more.
    pub(crate) removed_blobs: u64,
    /// Whether the copy has all that the store should have.
    pub(crate) is_complete: bool,
    /// Files of the store that are damaged or missing, below the data directory.
    pub(crate) damaged: Vec<String>,
}

/// What a collection took away.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Collected {
    /// Whether it was only asked what a collection would do.
    pub(crate) dry_run: bool,
    /// Manifests that stay.
    pub(crate) kept_manifests: u64,
    /// Blobs that they need, themselves among them.
    pub(crate) kept_blobs: u64,
    /// Blobs that nothing needs but that are too young to go.
    pub(crate) young_blobs: u64,
    /// Blobs taken away.
    pub(crate) removed_blobs: u64,
    /// Bytes of these.
    pub(crate) removed_bytes: u64,
    /// Uploads given up.
    pub(crate) removed_uploads: u64,
}

/// What a scrub read and found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scrubbed {
    /// Blobs read, manifests among them.
    pub(crate) blobs: u64,
    /// Bytes of these.
    pub(crate) bytes: u64,
    /// Repositories checked.
    pub(crate) repositories: u64,
    /// Manifests of all repositories.
    pub(crate) manifests: u64,
    /// Tags of all repositories.
    pub(crate) tags: u64,
    /// Uploads in progress whose bytes were read.
    pub(crate) uploads: u64,
    /// Whether something that was acknowledged is gone.
    pub(crate) has_losses: bool,
    /// What is wrong, or was.
    pub(crate) defects: Vec<Defect>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Defect {
    /// The file, below the data directory.
    pub(crate) path: String,
    /// What is wrong with it, as a word.
    pub(crate) problem: String,
    /// What became of it, as a word.
    pub(crate) outcome: String,
    /// All of that, for people.
    pub(crate) message: String,
    /// What can no longer be pulled, or not whole: `repository:tag` or `repository@digest`.
    pub(crate) affects: Vec<String>,
}

/// The index was built anew.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Reindexed {
    /// Repositories that it lists.
    pub(crate) repositories: u64,
}

impl From<storage::BackedUp> for BackedUp {
    fn from(done: storage::BackedUp) -> Self {
        let damaged = done.damaged.iter().map(|path| path.display().to_string());
        Self {
            is_complete: done.is_complete(),
            repositories: done.repositories,
            tags: done.tags,
            manifests: done.manifests,
            blobs: done.blobs,
            copied_blobs: done.copied,
            copied_bytes: done.bytes,
            removed_blobs: done.removed,
            damaged: damaged.collect(),
        }
    }
}

impl StoreContent {
    /// Puts together what the store holds and what room it has.
    pub(crate) fn new(stat: &Stat, usage: Usage) -> Self {
        Self {
            repositories: stat.repositories,
            tags: stat.tags,
            manifests: stat.manifests,
            blobs: stat.blobs,
            blob_bytes: stat.blob_bytes,
            uploads: stat.uploads,
            space: Space {
                used: usage.used,
                max_size: usage.max_size,
                free: usage.free,
                keep_free: usage.keep_free,
            },
        }
    }
}

impl Collected {
    /// Says whether the collection took place.
    pub(crate) fn new(collected: &storage::Collected, dry_run: bool) -> Self {
        Self {
            dry_run,
            kept_manifests: collected.manifests,
            kept_blobs: collected.needed,
            young_blobs: collected.young,
            removed_blobs: collected.blobs,
            removed_bytes: collected.bytes,
            removed_uploads: collected.uploads,
        }
    }
}

impl From<storage::Scrubbed> for Scrubbed {
    fn from(scrubbed: storage::Scrubbed) -> Self {
        Self {
            has_losses: scrubbed.has_losses(),
            blobs: scrubbed.blobs,
            bytes: scrubbed.bytes,
            repositories: scrubbed.repositories,
            manifests: scrubbed.manifests,
            tags: scrubbed.tags,
            uploads: scrubbed.uploads,
            defects: scrubbed.defects.iter().map(Into::into).collect(),
        }
    }
}

impl From<&storage::Defect> for Defect {
    fn from(defect: &storage::Defect) -> Self {
        Self {
            path: defect.path.display().to_string(),
            problem: word(defect.problem),
            outcome: word(defect.outcome),
            message: defect.to_string(),
            affects: defect.affects.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The word by which scripts know a variant that has no fields.
fn word(variant: impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(Value::String(word)) => word,
        other => unreachable!("a variant without fields is written as a word, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use roadstead_storage::{Outcome, Problem};

    use super::*;

    #[test]
    fn problems_and_outcomes_are_words() {
        assert_eq!(word(Problem::SetAsideBefore), "set-aside-before");
        assert_eq!(word(Outcome::Lost), "lost");
    }
}
