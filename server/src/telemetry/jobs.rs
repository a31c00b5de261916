//! How the jobs of the configuration get on.
//!
//! The label is the name of a job, which the administrator chose. Knows nothing of what jobs do.

use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The numbers of all jobs. Clones count into the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobCounts {
    failed_images: Family<Job, Gauge>,
    fetched: Family<Job, Counter>,
    last_success: Family<Job, Gauge>,
    running: Family<Job, Gauge>,
    runs: Family<Run, Counter>,
    saved: Family<Job, Counter>,
}

/// A run that has ended, in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedRun {
    /// How it ended: `done`, `failed`, `partly` or `stopped`.
    pub(crate) outcome: &'static str,
    /// When all was well.
    pub(crate) success: Option<SystemTime>,
    /// Images that could not be copied.
    pub(crate) failed_images: u64,
    /// Bytes that came from upstreams.
    pub(crate) fetched: u64,
    /// Bytes that were needed and here already.
    pub(crate) saved: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    job: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Run {
    job: String,
    outcome: &'static str,
}

impl JobCounts {
    /// Makes the numbers part of what `/metrics` tells.
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self {
            failed_images,
            fetched,
            last_success,
            running,
            runs,
            saved,
        } = self.clone();
        registry.register("sync_runs", "Runs of sync jobs that have ended", runs);
        registry.register("sync_running", "Whether a sync job is running", running);
        registry.register(
            "sync_last_success_timestamp_seconds",
            "When the last run ended that brought everything, in seconds since 1970",
            last_success,
        );
        registry.register(
            "sync_failed_images",
            "Images that the last run could not copy",
            failed_images,
        );
        registry.register(
            "sync_fetched_bytes",
            "Bytes that sync jobs fetched",
            fetched,
        );
        registry.register(
            "sync_saved_bytes",
            "Bytes that sync jobs needed and found here",
            saved,
        );
    }

    /// Notes that a job runs now.
    pub(crate) fn began(&self, name: &str) {
        self.running.get_or_create(&job(name)).set(1);
    }

    /// Counts a run that has ended.
    pub(crate) fn ended(&self, name: &str, run: &EndedRun) {
        let label = job(name);
        self.running.get_or_create(&label).set(0);
        let ended = Run {
            job: name.to_owned(),
            outcome: run.outcome,
        };
        self.runs.get_or_create(&ended).inc();
        self.fetched.get_or_create(&label).inc_by(run.fetched);
        self.saved.get_or_create(&label).inc_by(run.saved);
        let failed = i64::try_from(run.failed_images).unwrap_or(i64::MAX);
        self.failed_images.get_or_create(&label).set(failed);
        if let Some(success) = run.success {
            self.succeeded(name, success);
        }
    }

    /// Notes when a job last brought everything, also before this process began.
    pub(crate) fn succeeded(&self, name: &str, at: SystemTime) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
        self.last_success.get_or_create(&job(name)).set(seconds);
    }
}

fn job(name: &str) -> Job {
    Job {
        job: name.to_owned(),
    }
}
