//! The jobs of the configuration: what they are, how they stand, and one run of each at a time.
//!
//! Whoever wants a job run while it runs follows that run. What became of it is counted, logged and
//! noted here. Knows nothing of when jobs are due but what their schedules say. Invariant: no job ever
//! runs beside itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use roadstead_mirror::job::Report as Plan;
use roadstead_storage::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::{Sync, When};
use crate::jobs::execution::{Parts, execute, foresee, in_numbers, success};
use crate::jobs::progress::{Progress, Reached};
use crate::jobs::record::{LastRun, Record};
use crate::jobs::schedule;
use crate::jobs::work::{Follower, Run, Worker, begin};

/// The jobs. Clones share them.
#[derive(Clone)]
pub(crate) struct Roster(Arc<Inner>);

struct Inner {
    parts: Parts,
    jobs: Mutex<BTreeMap<String, Job>>,
    /// Told when something may be due earlier than before.
    changed: Notify,
}

struct Job {
    /// As configured; gone when it is no longer, and its run goes on.
    sync: Option<Arc<Sync>>,
    record: Record,
    /// Whether the store knows of it.
    is_noted: bool,
    run: Option<Run>,
}

/// How a job stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Its name.
    pub(crate) name: String,
    /// When the run began that goes on, and how far that has come.
    pub(crate) running: Option<(Option<Timestamp>, Reached)>,
    /// What became of the last run.
    pub(crate) last: Option<LastRun>,
    /// When it is due.
    pub(crate) next: Option<SystemTime>,
}

impl Roster {
    /// No jobs yet.
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            jobs: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Lets these jobs count from now on. A run of one that is gone goes on to its end.
    ///
    /// # Cancel safety
    /// Dropped, the jobs are as before.
    pub(crate) async fn reload(&self, configured: &[Sync]) {
        let Parts {
            store,
            clock,
            counts,
            ..
        } = &self.0.parts;
        let mut records = BTreeMap::new();
        for sync in configured {
            if !self.0.jobs().contains_key(&sync.name) {
                let record = Record::read(store, &sync.name).await;
                records.insert(&sync.name, record);
            }
        }
        let mut jobs = self.0.jobs();
        for job in jobs.values_mut() {
            job.sync = None;
        }
        for sync in configured {
            let job = jobs.entry(sync.name.clone()).or_insert_with(|| {
                let record = records.remove(&sync.name).flatten();
                let is_noted = record.is_some();
                let record = record.unwrap_or_else(|| Record::new(clock()));
                if let Some(success) = record.last().and_then(success) {
                    counts.succeeded(&sync.name, success);
                }
                Job {
                    sync: None,
                    record,
                    is_noted,
                    run: None,
                }
            });
            job.sync = Some(Arc::new(sync.clone()));
        }
        jobs.retain(|_, job| job.sync.is_some() || job.run.is_some());
        drop(jobs);
        self.0.changed.notify_one();
    }

    /// The names of all jobs, in their order.
    pub(crate) fn names(&self) -> Vec<String> {
        let jobs = self.0.jobs();
        let configured = jobs.iter().filter(|(_, job)| job.sync.is_some());
        configured.map(|(name, _)| name.clone()).collect()
    }

    /// How all jobs stand.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let jobs = self.0.jobs();
        let standing = |(name, job): (&String, &Job)| {
            let sync = job.sync.as_ref()?;
            let running = job.run.as_ref();
            Some(Standing {
                name: name.clone(),
                running: running.map(|run| (job.record.running_since(), run.progress().reached())),
                last: job.record.last().cloned(),
                next: schedule::due(&sync.when, &job.record, &self.0.parts.zone),
            })
        };
        jobs.iter().filter_map(standing).collect()
    }

    /// When each job is due that is due at all.
    pub(super) fn due(&self) -> Vec<(String, SystemTime)> {
        let standings = self.standings().into_iter();
        standings
            .filter_map(|standing| Some((standing.name, standing.next?)))
            .collect()
    }

    /// Resolves when something may be due earlier than it was.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Notes in the store which jobs with a schedule are new, so that it is known after a restart what
    /// they missed.
    pub(crate) async fn note_new(&self) {
        let new: Vec<_> = {
            let mut jobs = self.0.jobs();
            let is_new = |job: &Job| {
                let sync = job.sync.as_ref();
                let is_scheduled = |sync: &Arc<Sync>| matches!(sync.when, When::Schedule { .. });
                !job.is_noted && sync.is_some_and(is_scheduled)
            };
            let new = jobs.iter_mut().filter(|(_, job)| is_new(job));
            new.map(|(name, job)| {
                job.is_noted = true;
                (name.clone(), job.record.clone())
            })
            .collect()
        };
        for (name, record) in new {
            record.keep(&self.0.parts.store, &name).await;
        }
    }

    /// Runs a job, or follows the run that goes on; nothing when there is no such job. To be called
    /// within a runtime.
    ///
    /// # Cancel safety
    /// A dropped future begins nothing.
    pub(crate) async fn run(&self, name: &str) -> Option<Follower> {
        loop {
            match self.begin_or_follow(name)? {
                Begun::New(new, follower) => {
                    let (underway, worker) = *new;
                    self.0.parts.tasks.spawn(underway.run(worker));
                    return Some(follower);
                }
                Begun::Before(follower) => return Some(follower),
                Begun::Stopping(mut run) => run.ended().await,
            };
        }
    }

    /// Finds out what a run of a job would bring, whether or not one goes on: nothing is begun, noted or
    /// counted as a run. Nothing when there is no such job, or when it was stopped before that was known.
    ///
    /// # Errors
    /// Says in words why there is nothing to find out.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn plan(
        &self,
        name: &str,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> Option<Result<Option<Plan>, String>> {
        let sync = self.0.jobs().get(name)?.sync.clone()?;
        Some(foresee(&self.0.parts, &sync, progress, stop).await)
    }

    fn begin_or_follow(&self, name: &str) -> Option<Begun> {
        let mut jobs = self.0.jobs();
        let job = jobs.get_mut(name)?;
        if let Some(run) = &job.run {
            let follower = run.follow().map(Begun::Before);
            return Some(follower.unwrap_or_else(|| Begun::Stopping(run.look_on())));
        }
        let sync = Arc::clone(job.sync.as_ref()?);
        let Parts {
            tasks,
            clock,
            counts,
            ..
        } = &self.0.parts;
        let (run, worker, follower) = begin(&tasks.stopping());
        job.record.begin(clock());
        job.is_noted = true;
        job.run = Some(run);
        counts.began(name);
        let underway = Underway {
            inner: Arc::clone(&self.0),
            sync,
            record: job.record.clone(),
        };
        Some(Begun::New(Box::new((underway, worker)), follower))
    }
}

/// What there is for whoever wants a job run.
enum Begun {
    /// A run that began before.
    Before(Follower),
    /// A run, its worker not yet at work.
    New(Box<(Underway, Worker)>, Follower),
    /// A run that stops, and after which another can begin.
    Stopping(Follower),
}

impl Inner {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run under way. Dropped, also by a panic or at the end of the process, it is no longer.
struct Underway {
    inner: Arc<Inner>,
    sync: Arc<Sync>,
    record: Record,
}

impl Underway {
    async fn run(mut self, worker: Worker) {
        let Worker {
            progress,
            stop,
            done,
        } = worker;
        let (inner, sync) = (Arc::clone(&self.inner), Arc::clone(&self.sync));
        let finished = execute(&inner.parts, &sync, &mut self.record, &progress, &stop).await;
        // No longer under way before anybody hears of it: who asks again then begins anew.
        drop(self);
        // Nobody may be waiting any more.
        let _ = done.send(Some(Arc::new(finished)));
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let Parts { clock, counts, .. } = &self.inner.parts;
        let now = clock();
        self.record.give_up(now);
        if let Some(last) = self.record.last() {
            counts.ended(&self.sync.name, &in_numbers(last));
        }
        let mut jobs = self.inner.jobs();
        if let Some(job) = jobs.get_mut(&self.sync.name) {
            job.run = None;
            job.record = self.record.clone();
        }
        jobs.retain(|_, job| job.sync.is_some() || job.run.is_some());
        drop(jobs);
        self.inner.changed.notify_one();
    }
}
