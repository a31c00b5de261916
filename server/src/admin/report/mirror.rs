//! What is told of copies and of jobs.
//!
//! Plans and outcomes are told as the mirror crate has them. Invariant: whatever is missing is named.

use roadstead_mirror::job::{Outcome, Report as Plan};
use serde::{Deserialize, Serialize};

use crate::jobs::progress::Reached;
use crate::jobs::record::{Ended, LastRun};
use crate::jobs::release::ReleaseSummary;
use crate::jobs::roster::Standing;
use crate::jobs::samples::StreamState;
use crate::jobs::work::Finished;

/// What copying would come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Planned {
    /// That nothing was copied.
    pub(crate) dry_run: bool,
    /// What it is about.
    #[serde(flatten)]
    pub(crate) about: About,
    /// What would be.
    #[serde(flatten)]
    pub(crate) plan: Plan,
}

/// What copying came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mirrored {
    /// How it ended.
    pub(crate) result: Ended,
    /// What it was about.
    #[serde(flatten)]
    pub(crate) about: About,
    /// What became of each image.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What the images of a copy are together, where they are something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct About {
    /// A release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<ReleaseSummary>,
    /// Streams of samples, as they stand now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) streams: Option<Vec<StreamState>>,
}

/// The streams of samples that there are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SampleStreams {
    /// Each of them.
    pub(crate) streams: Vec<StreamState>,
}

/// What running jobs came to, or would come to. The key `dryRun` tells documents apart.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ran {
    /// They were only planned.
    #[serde(rename_all = "camelCase")]
    Planned {
        /// That nothing was run.
        dry_run: bool,
        /// Each of them.
        jobs: Vec<PlannedJob>,
    },
    /// They ran.
    Ended {
        /// Each of them.
        jobs: Vec<RanJob>,
    },
}

/// What running a job would come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PlannedJob {
    /// Its name.
    pub(crate) name: String,
    /// Why that could not be found out, if it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
    /// What would be copied.
    #[serde(flatten)]
    pub(crate) plan: Plan,
}

/// What running a job came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RanJob {
    /// Its name.
    pub(crate) name: String,
    /// The run.
    #[serde(flatten)]
    pub(crate) run: LastRun,
    /// What became of each image, where it came to copying.
    pub(crate) outcome: Option<Outcome>,
}

/// How the jobs stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Jobs {
    /// Each of them.
    pub(crate) jobs: Vec<Job>,
}

/// How a job stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    /// Its name.
    pub(crate) name: String,
    /// In a word.
    pub(crate) state: JobState,
    /// The run that goes on.
    pub(crate) running: Option<Running>,
    /// The last run that ended.
    pub(crate) last: Option<LastRun>,
    /// When it runs next, RFC 3339; nothing, if only commands start it.
    pub(crate) next: Option<String>,
}

/// A run that goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Running {
    /// Since when, RFC 3339.
    pub(crate) since: Option<String>,
    /// How far it has come.
    #[serde(flatten)]
    pub(crate) reached: Reached,
}

/// How a job stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JobState {
    /// The last run brought all.
    Done,
    /// Nothing came of the last run.
    Failed,
    /// There was no run yet.
    Never,
    /// The last run brought some of it.
    Partly,
    /// It runs.
    Running,
    /// The last run was stopped.
    Stopped,
}

impl JobState {
    /// As documents have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Never => "never",
            Self::Partly => "partly",
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

impl Mirrored {
    /// What became of a copy.
    pub(crate) fn new(outcome: Outcome, about: About) -> Self {
        Self {
            result: Ended::of(&outcome),
            about,
            outcome,
        }
    }
}

impl Planned {
    /// How carrying it out would end, as far as that can be told.
    pub(crate) fn end(&self) -> Ended {
        end(&self.plan)
    }
}

impl PlannedJob {
    /// How running it would end, as far as that can be told.
    pub(crate) fn end(&self) -> Ended {
        match self.because {
            Some(_) => Ended::Failed,
            None => end(&self.plan),
        }
    }
}

/// How carrying a plan out would end.
pub(super) fn end(plan: &Plan) -> Ended {
    let (totals, not_pruned) = (&plan.totals, &plan.not_pruned);
    match (totals.failed, not_pruned.is_empty()) {
        (0, true) => Ended::Done,
        (failed, true) if failed == totals.images => Ended::Failed,
        _ => Ended::Partly,
    }
}

impl Ran {
    /// What these jobs would come to, each with its plan or with why there is none.
    pub(crate) fn planned(jobs: impl IntoIterator<Item = (String, Result<Plan, String>)>) -> Self {
        let job = |(name, plan)| {
            let (because, plan) = match plan {
                Ok(plan) => (None, plan),
                Err(because) => (Some(because), Plan::default()),
            };
            PlannedJob {
                name,
                because,
                plan,
            }
        };
        Self::Planned {
            dry_run: true,
            jobs: jobs.into_iter().map(job).collect(),
        }
    }

    /// How each job ended, or would, as far as that can be told.
    pub(crate) fn ends(&self) -> Vec<Ended> {
        match self {
            Self::Ended { jobs } => jobs.iter().map(|job| job.run.result).collect(),
            Self::Planned { jobs, .. } => jobs.iter().map(PlannedJob::end).collect(),
        }
    }
}

impl RanJob {
    /// What became of this job.
    pub(crate) fn new(name: String, finished: &Finished) -> Self {
        Self {
            name,
            run: finished.run.clone(),
            outcome: finished.outcome.clone(),
        }
    }
}

impl From<Standing> for Job {
    fn from(standing: Standing) -> Self {
        let Standing {
            name,
            running,
            last,
            next,
        } = standing;
        let state = match (&running, last.as_ref().map(|run| run.result)) {
            (Some(_), _) => JobState::Running,
            (None, None) => JobState::Never,
            (None, Some(Ended::Done)) => JobState::Done,
            (None, Some(Ended::Failed)) => JobState::Failed,
            (None, Some(Ended::Partly)) => JobState::Partly,
            (None, Some(Ended::Stopped)) => JobState::Stopped,
        };
        Self {
            name,
            state,
            running: running.map(|(since, reached)| Running {
                since: since.map(Into::into),
                reached,
            }),
            last,
            next: next.map(super::utc),
        }
    }
}
