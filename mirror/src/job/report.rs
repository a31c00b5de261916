//! What a plan comes to, to be shown before anything is copied.

use roadstead_storage::oci::Digest;
use serde::{Deserialize, Serialize};

use super::outcome::{NotPruned, State};

/// What a job would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Every image.
    pub images: Vec<PlannedImage>,
    /// Tags that would go, since the upstream no longer has them: `repository:tag`.
    pub prune: Vec<String>,
    /// Repositories in which nothing would be pruned though that is wanted, and why.
    pub not_pruned: Vec<NotPruned>,
    /// All of it in numbers.
    pub totals: PlanTotals,
}

/// What would become of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedImage {
    /// What it is at the upstream: `quay.io/team/app:1`.
    pub source: String,
    /// What it would be in the store: `quay.io/team/app:1`, without a host.
    pub destination: String,
    /// Its digest, if that was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How it stands.
    pub state: State,
    /// Why it stands so, where that needs saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Bytes of its blobs that would have to be fetched.
    pub bytes_to_fetch: u64,
    /// Bytes of its blobs that are here.
    pub bytes_here: u64,
}

/// A plan in numbers. A blob that several images need counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanTotals {
    /// All images.
    pub images: u64,
    /// New and changed ones.
    pub copy: u64,
    /// Those that are here already.
    pub unchanged: u64,
    /// Those that the upstream does not have.
    pub skipped: u64,
    /// Those that cannot be copied.
    pub failed: u64,
    /// Bytes of blobs that have to be fetched.
    pub bytes_to_fetch: u64,
    /// Bytes of blobs that are needed and here.
    pub bytes_here: u64,
}
