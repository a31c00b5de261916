//! One image of a job: what it is called there and here, and what has to be stored for it.
//!
//! Invariant: the manifests of an image are in the order in which they are stored: what a manifest needs
//! comes before it, what belongs to it too, and the one that is tagged comes last.

use std::sync::Arc;

use roadstead_storage::oci::{Digest, Manifest, Reference, RepoName, Tag};

use super::failure::Failure;
use super::order::{Lost, Place, Set};
use super::outcome::State;
use super::remote::Remote;

/// Something to be looked for: one tag, or one digest.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) remote: Arc<Remote>,
    /// Where it lies in the store.
    pub(super) local: RepoName,
    /// What the upstream calls it.
    pub(super) reference: Reference,
    /// What it is called in the store.
    pub(super) tag: Option<Tag>,
    /// Where else it lies there.
    pub(super) also: Vec<Place>,
    /// What it belongs to.
    pub(super) set: Option<Set>,
    /// Whether it may be missing at the upstream.
    pub(super) is_optional: bool,
}

/// A manifest to be stored.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) digest: Digest,
    pub(super) manifest: Arc<Manifest>,
    /// What is to name it.
    pub(super) tags: Vec<Tag>,
}

/// A blob that an image needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) blob: Digest,
    /// In bytes, as the manifest says.
    pub(super) size: u64,
    /// Whether the store has it.
    pub(super) is_here: bool,
}

/// A target that has been found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) digest: Digest,
    /// New, changed or unchanged.
    pub(super) state: State,
    /// All its manifests.
    pub(super) nodes: Vec<Node>,
    /// All the blobs that these need, each once.
    pub(super) needs: Vec<Need>,
}

/// An image of a plan.
#[derive(Debug)]
pub(super) struct Image {
    /// What it is at the upstream: `quay.io/team/app:1`.
    pub(super) source: String,
    /// What it is in the store.
    pub(super) destination: String,
    /// Where it comes from and goes to; nothing where not even that could be found out.
    pub(super) target: Option<Target>,
    pub(super) digest: Option<Digest>,
    pub(super) state: State,
    /// Why it stands so.
    pub(super) because: Option<String>,
    /// What has to be stored; nothing where it is here already.
    pub(super) nodes: Vec<Node>,
    /// What these need.
    pub(super) needs: Vec<Need>,
    /// Bytes of its blobs that have to be fetched.
    pub(super) bytes_to_fetch: u64,
    /// Bytes of its blobs that are here.
    pub(super) bytes_here: u64,
}

impl Target {
    /// What it is at the upstream.
    pub(super) fn source(&self) -> String {
        written(&self.remote.name(), &self.reference)
    }

    /// What it is in the store.
    pub(super) fn destination(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}", self.local),
            None => written(self.local.as_str(), &self.reference),
        }
    }
}

impl Node {
    /// What it is where else the image lies of which it is the last part, or another one: there that
    /// part has the place's tag, and the others have theirs.
    pub(super) fn at(&self, place: &Place, is_top: bool) -> Self {
        let mut node = self.clone();
        if is_top {
            node.tags = place.tag.iter().cloned().collect();
        }
        node
    }
}

impl Found {
    /// Bytes of its blobs that are here, or are not.
    pub(super) fn bytes(&self, here: bool) -> u64 {
        let needs = self.needs.iter().filter(|need| need.is_here == here);
        needs.map(|need| need.size).fold(0, u64::saturating_add)
    }
}

impl Image {
    /// One that cannot be had.
    pub(super) fn failed(
        source: String,
        destination: String,
        target: Option<Target>,
        failure: &Failure,
    ) -> Self {
        Self {
            source,
            destination,
            target,
            digest: None,
            // Whether that is a failure too is judged when the plan is made.
            state: if failure.is_absence() {
                State::Missing
            } else {
                State::Failed
            },
            because: Some(failure.because()),
            nodes: Vec::new(),
            needs: Vec::new(),
            bytes_to_fetch: 0,
            bytes_here: 0,
        }
    }

    /// One of which nobody knows what it is.
    pub(super) fn lost(lost: Lost) -> Self {
        Self {
            destination: String::new(),
            source: lost.source,
            target: None,
            digest: None,
            state: State::Failed,
            because: Some(lost.because),
            nodes: Vec::new(),
            needs: Vec::new(),
            bytes_to_fetch: 0,
            bytes_here: 0,
        }
    }

    /// What it belongs to.
    pub(super) fn set(&self) -> Option<Set> {
        self.target.as_ref()?.set
    }

    /// Whether it is to be copied.
    pub(super) fn is_to_come(&self) -> bool {
        matches!(self.state, State::Changed | State::New)
    }
}

fn written(name: &str, reference: &Reference) -> String {
    match reference {
        Reference::Digest(digest) => format!("{name}@{digest}"),
        Reference::Tag(tag) => format!("{name}:{tag}"),
    }
}
