//! Images of the store, written to a tree that oc reads, and so does an import.
//!
//! Owns what is exported and in which order. Each file appears whole: what is being written has a name
//! that every reader passes over. Invariant: what is written was hashed on its way, and a tag is
//! written when all that it needs has been.

mod carry_out;
mod plan;
mod style;
mod writer;

use std::collections::BTreeMap;

use roadstead_storage::oci::{Digest, RepoName, Tag};
use serde::{Deserialize, Serialize};

pub use self::plan::ExportPlan;
use super::graph::Node;
use crate::job::{Outcome, Report, State};
use crate::openshift::held::HeldRelease;

/// What of the store is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// All of it.
    All,
    /// What has this digest in a repository, with what belongs to it.
    Digest(RepoName, Digest),
    /// A release, with its components and what belongs to all of these.
    Release(Box<HeldRelease>),
    /// All of a repository.
    Repository(RepoName),
    /// What this tag names, with what belongs to it.
    Tag(RepoName, Tag),
}

/// What an export would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportReport {
    /// What would become of each image. What would be fetched is what would be written.
    #[serde(flatten)]
    pub plan: Report,
    /// How many bytes there is room for.
    pub room: u64,
    /// How many files of signatures would be written.
    pub signatures: u64,
}

/// What became of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportOutcome {
    /// What became of each image. What was fetched is what was written.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How many files of signatures were written.
    pub signatures: u64,
    /// What the file system cannot do, so that the tree is not as oc writes it.
    pub warnings: Vec<String>,
}

/// An image of the store.
#[derive(Debug)]
struct Image {
    /// What it is here, and there: `openshift/release:4.18.7-x86_64`.
    name: String,
    repository: RepoName,
    tag: Option<Tag>,
    digest: Digest,
    state: State,
    /// Why it stands so.
    because: Option<String>,
    /// Its manifests, the one that is tagged last.
    nodes: Vec<Node>,
    /// What these need, with sizes.
    blobs: BTreeMap<Digest, u64>,
    /// What of all this is not there yet, with sizes.
    absent: BTreeMap<Digest, u64>,
    /// Bytes that have to be written for it, and not for one before it.
    to_write: u64,
    /// Bytes that are there, or will be by then.
    there: u64,
}
