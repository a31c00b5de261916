//! What is remembered of a job, while it rests and over restarts.
//!
//! Owns what stands in its note in the store. A note that cannot be read is as if the job had never
//! run, and says so in the log. Invariant: a run that was cut off, by whatever, never counts as one that
//! ended.

use std::time::SystemTime;

use roadstead_mirror::job::{CutShort, ImageOutcome, Outcome, Totals};
use roadstead_storage::{Store, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::report::chain;

/// Under which subject the store keeps notes of jobs.
const SUBJECT: &str = "jobs";

/// How many images that failed are remembered by name.
const MAX_FAILURES: usize = 20;

/// What is remembered of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// Since when the job is known.
    since: Timestamp,
    /// Up to when its schedule has had its due: the end of the last run that nobody stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled: Option<Timestamp>,
    /// When the run began that goes on, or was cut off by the end of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<LastRun>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LastRun {
    /// When it began.
    pub(crate) began: Timestamp,
    /// When it ended; not known of one that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Timestamp>,
    /// How.
    pub(crate) result: Ended,
    /// What was copied, in numbers.
    pub(crate) totals: Totals,
    /// The first images that could not be copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<ImageOutcome>,
    /// Why there was nothing to copy, or no end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// All that was wanted is here.
    Done,
    /// Nothing came of it.
    Failed,
    /// Some of it is here.
    Partly,
    /// Somebody stopped it, or the process ended.
    Stopped,
}

impl Ended {
    /// As reports and metrics have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Partly => "partly",
            Self::Stopped => "stopped",
        }
    }

    /// How what copying brought is to be called.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let Totals {
            copied, unchanged, ..
        } = outcome.totals;
        match outcome.cut_short {
            Some(CutShort::Stopped) => Self::Stopped,
            _ if outcome.is_complete() => Self::Done,
            _ if copied + unchanged == 0 => Self::Failed,
            _ => Self::Partly,
        }
    }
}

impl Record {
    /// Nothing but that the job is known since now.
    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            since: now.into(),
            settled: None,
            running_since: None,
            last: None,
        }
    }

    /// What the store has noted of a job.
    pub(super) async fn read(store: &Store, job: &str) -> Option<Self> {
        let bytes = match store.note(SUBJECT, job).await {
            Ok(note) => note?,
            Err(error) => {
                warn!(job, error = %chain(&error), "Could not read what is noted of a job");
                return None;
            }
        };
        let record = serde_json::from_slice::<Self>(&bytes);
        let record = record.inspect_err(
            |error| warn!(job, %error, "What is noted of a job is damaged: it counts as never run"),
        );
        record.ok().map(Self::cut_off)
    }

    /// Notes it in the store. That this fails is logged: the next start then knows an older state.
    pub(super) async fn keep(&self, store: &Store, job: &str) {
        let bytes = serde_json::to_vec(self).expect("texts and numbers make JSON");
        if let Err(error) = store.keep_note(SUBJECT, job, bytes).await {
            warn!(job, error = %chain(&error), "Could not note what became of a job");
        }
    }

    /// A run has begun.
    pub(super) fn begin(&mut self, now: SystemTime) {
        self.running_since = Some(now.into());
    }

    /// The run has ended.
    pub(super) fn end(&mut self, run: LastRun, now: SystemTime) {
        if run.result != Ended::Stopped {
            self.settled = Some(now.into());
        }
        self.running_since = None;
        self.last = Some(run);
    }

    /// The run has ended by a fault of this program, if it has not ended otherwise.
    pub(super) fn give_up(&mut self, now: SystemTime) {
        if let Some(began) = self.running_since {
            let because = "it ended by a fault of this program".to_owned();
            self.end(LastRun::failed(because, began.into(), now), now);
        }
    }

    /// Since when the job is known.
    pub(super) fn since(&self) -> SystemTime {
        self.since.into()
    }

    /// Up to when its schedule has had its due.
    pub(super) fn settled(&self) -> Option<SystemTime> {
        self.settled.map(Into::into)
    }

    /// When the run began that goes on.
    pub(super) fn running_since(&self) -> Option<Timestamp> {
        self.running_since
    }

    /// What became of the last run.
    pub(super) fn last(&self) -> Option<&LastRun> {
        self.last.as_ref()
    }

    /// As read from a note: whoever ran the job then does not any more.
    fn cut_off(mut self) -> Self {
        if let Some(began) = self.running_since.take() {
            self.last = Some(LastRun {
                began,
                ended: None,
                result: Ended::Stopped,
                totals: Totals::default(),
                failures: Vec::new(),
                because: Some("the process that ran it ended".to_owned()),
            });
        }
        self
    }
}

impl LastRun {
    /// A run that came to the copying.
    pub(super) fn of(outcome: &Outcome, began: SystemTime, now: SystemTime) -> Self {
        let not_pruned = outcome.not_pruned.first();
        let because = match &outcome.cut_short {
            Some(CutShort::Failed { because }) => Some(because.clone()),
            _ => not_pruned.map(|it| format!("{} was not pruned: {}", it.repository, it.because)),
        };
        Self {
            began: began.into(),
            ended: Some(now.into()),
            result: Ended::of(outcome),
            totals: outcome.totals,
            failures: outcome.failures().take(MAX_FAILURES).cloned().collect(),
            because,
        }
    }

    /// A run of which nothing came.
    pub(super) fn failed(because: String, began: SystemTime, now: SystemTime) -> Self {
        Self {
            began: began.into(),
            ended: Some(now.into()),
            result: Ended::Failed,
            totals: Totals::default(),
            failures: Vec::new(),
            because: Some(because),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use roadstead_storage::Config;

    use super::*;

    /// Lets a run end, by itself or not.
    pub(in crate::jobs) fn ended(
        record: &mut Record,
        began: SystemTime,
        now: SystemTime,
        by_itself: bool,
    ) {
        let outcome = Outcome {
            cut_short: (!by_itself).then_some(CutShort::Stopped),
            ..Outcome::default()
        };
        record.begin(began);
        record.end(LastRun::of(&outcome, began, now), now);
    }

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(Config::new(dir.path())).await;
        (dir, store.unwrap())
    }

    #[tokio::test]
    async fn what_is_kept_is_read_back() {
        let (_dir, store) = store().await;
        assert_eq!(Record::read(&store, "a").await, None);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut record = Record::new(now);
        ended(&mut record, now, now, true);
        record.keep(&store, "a").await;
        assert_eq!(Record::read(&store, "a").await, Some(record));
        assert_eq!(Record::read(&store, "b").await, None);
    }

    #[tokio::test]
    async fn garbage_counts_as_never_run() {
        let (_dir, store) = store().await;
        for garbage in ["", "{", "[]", "{\"since\": 1}"] {
            let kept = store.keep_note(SUBJECT, "a", garbage.into()).await;
            kept.unwrap();
            assert_eq!(Record::read(&store, "a").await, None, "{garbage}");
        }
    }

    #[tokio::test]
    async fn a_run_that_the_process_did_not_survive_was_stopped() {
        let (_dir, store) = store().await;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut record = Record::new(now);
        record.begin(now);
        record.keep(&store, "a").await;
        let read = Record::read(&store, "a").await.unwrap();
        assert_eq!(read.running_since(), None);
        assert_eq!(read.last().unwrap().result, Ended::Stopped);
        assert_eq!(read.settled(), None);
    }
}
