//! Images of a tree, brought into the store: planned first and then carried out.
//!
//! Owns the order in which they come: what belongs to others, then images, and releases, which name
//! others, last. Invariant: a tag names nothing before all that it needs is here, and what is wrong in a
//! tree costs the images that need it and no others.

mod blob;
mod carry_out;
mod plan;
mod reader;

use roadstead_storage::oci::{Digest, RepoName, Tag};
use serde::{Deserialize, Serialize};

pub use self::plan::ImportPlan;
use super::graph::Node;
use super::survey::Refused;
use crate::job::{Outcome, Report, State};

/// What an import would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// What would become of each image.
    #[serde(flatten)]
    pub plan: Report,
    /// How many signatures of releases would be kept.
    pub signatures: u64,
    /// What would be passed over.
    pub refused: Vec<Refused>,
}

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// What became of each image.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How many signatures of releases are kept.
    pub signatures: u64,
    /// What was passed over.
    pub refused: Vec<Refused>,
}

/// An image of a tree.
#[derive(Debug)]
struct Image {
    /// What it is there, and here: `openshift/release:4.18.7-x86_64`.
    name: String,
    repository: RepoName,
    tag: Option<Tag>,
    digest: Option<Digest>,
    kind: Order,
    state: State,
    /// Why it stands so.
    because: Option<String>,
    /// Its manifests, the one that is tagged last.
    nodes: Vec<Node>,
    needs: Vec<Need>,
}

/// When an image comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// It may belong to others: a signature, a referrer.
    Companion,
    Image,
    /// It names others.
    Release,
}

/// A blob that an image needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    blob: Digest,
    /// In bytes, as the manifest says.
    size: u64,
    /// Whether the store has it.
    is_here: bool,
}

impl Image {
    fn bytes(&self, here: bool) -> u64 {
        let needs = self.needs.iter().filter(|need| need.is_here == here);
        needs.map(|need| need.size).fold(0, u64::saturating_add)
    }

    fn is_to_come(&self) -> bool {
        matches!(self.state, State::Changed | State::New)
    }
}
