//! What became of a job, as reports and the record of its last run have it.
//!
//! Invariant: every image of the plan is in it, once, in the order of the plan.

use roadstead_storage::oci::Digest;
use serde::{Deserialize, Serialize};

/// What became of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Every image.
    pub images: Vec<ImageOutcome>,
    /// Tags that went, since the upstream no longer has them: `repository:tag`.
    pub pruned: Vec<String>,
    /// Repositories in which nothing was pruned though that was wanted, or not all, and why.
    pub not_pruned: Vec<NotPruned>,
    /// What ended the job before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<CutShort>,
    /// All of it in numbers.
    pub totals: Totals,
}

/// What became of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageOutcome {
    /// What it is at the upstream: `quay.io/team/app:1`.
    pub source: String,
    /// What it is in the store: `quay.io/team/app:1`, without a host.
    pub destination: String,
    /// Its digest, if that was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How it stands.
    pub state: State,
    /// Why it stands so, where that needs saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// How an image stands: in a plan what is to be done, in an outcome what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It is here, but not as the upstream has it now: copied.
    Changed,
    /// It could not be copied.
    Failed,
    /// Its turn never came, since the job was cut short.
    Left,
    /// The upstream does not have it, and that is no failure.
    Missing,
    /// It was not here: copied.
    New,
    /// It is here already, all of it.
    Unchanged,
}

/// What ended a job before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum CutShort {
    /// The store could take no more.
    Failed {
        /// What it said.
        because: String,
    },
    /// Somebody wanted it to end.
    Stopped,
}

/// A repository in which not all was pruned that should have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotPruned {
    /// In the store.
    pub repository: String,
    /// Why not.
    pub because: String,
}

/// A job in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// All images.
    pub images: u64,
    /// New and changed ones.
    pub copied: u64,
    /// Those that were here already.
    pub unchanged: u64,
    /// Those that the upstream does not have.
    pub skipped: u64,
    /// Those that could not be copied.
    pub failed: u64,
    /// Those whose turn never came.
    pub left: u64,
    /// Bytes of blobs that came from upstreams.
    pub bytes_fetched: u64,
    /// Bytes of blobs that were needed and did not have to come.
    pub bytes_saved: u64,
    /// How long copying took, in milliseconds.
    pub duration_ms: u64,
}

impl Outcome {
    /// Whether all that was wanted is here, and gone is what should be.
    pub fn is_complete(&self) -> bool {
        self.totals.failed == 0 && self.cut_short.is_none() && self.not_pruned.is_empty()
    }

    /// The images that could not be copied.
    pub fn failures(&self) -> impl Iterator<Item = &ImageOutcome> {
        let images = self.images.iter();
        images.filter(|image| image.state == State::Failed)
    }
}

impl Totals {
    /// Counts images by how they stand.
    pub(crate) fn count(states: impl Iterator<Item = State>) -> Self {
        let mut totals = Self::default();
        for state in states {
            totals.images += 1;
            *match state {
                State::Changed | State::New => &mut totals.copied,
                State::Failed => &mut totals.failed,
                State::Left => &mut totals.left,
                State::Missing => &mut totals.skipped,
                State::Unchanged => &mut totals.unchanged,
            } += 1;
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use roadstead_storage::oci::Algorithm;

    use super::*;

    fn image(state: State) -> ImageOutcome {
        ImageOutcome {
            source: "quay.io/a/b:1".to_owned(),
            destination: "quay.io/a/b:1".to_owned(),
            digest: Some(Digest::of(Algorithm::Sha256, b"x")),
            state,
            because: None,
        }
    }

    #[test]
    fn an_outcome_is_read_back_as_it_was_written() {
        let outcome = Outcome {
            images: vec![image(State::New), image(State::Failed)],
            pruned: vec!["a/b:1".to_owned()],
            not_pruned: vec![NotPruned {
                repository: "a/b".to_owned(),
                because: "deleting is disabled".to_owned(),
            }],
            cut_short: Some(CutShort::Failed {
                because: "no space left".to_owned(),
            }),
            totals: Totals::count([State::New, State::Failed].into_iter()),
        };
        let json = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
    }

    #[test]
    fn a_job_is_complete_when_nothing_is_missing_that_was_wanted() {
        let of = |state| Outcome {
            images: vec![image(state)],
            totals: Totals::count([state].into_iter()),
            ..Outcome::default()
        };
        for fine in [State::Changed, State::Missing, State::New, State::Unchanged] {
            assert!(of(fine).is_complete(), "{fine:?}");
        }
        assert!(!of(State::Failed).is_complete());
        let stopped = Outcome {
            cut_short: Some(CutShort::Stopped),
            ..of(State::New)
        };
        assert!(!stopped.is_complete());
    }
}
