//! Jobs under a clock that tests move. What they are for is never there: nobody listens at port 1.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use roadstead_certs::{Clock, provider};
use roadstead_storage::{Config as StoreConfig, Store};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::config::{ProxyVariables, Sync};
use crate::jobs::execution::Parts;
use crate::jobs::record::Ended;
use crate::jobs::roster::{Roster, Standing};
use crate::jobs::scheduler;
use crate::shutdown::Tasks;
use crate::telemetry::Metrics;
use crate::upstreams::Upstreams;

/// Far longer than a job takes that finds nobody.
const A_WHILE: Duration = Duration::from_mins(10);

/// A registry's jobs, and what they live on.
struct Lab {
    dir: TempDir,
    roster: Roster,
    store: Store,
    tasks: Tasks,
    metrics: Metrics,
    clock: Clock,
}

/// A minute before three, in the time that tests begin at.
fn start() -> SystemTime {
    humantime::parse_rfc3339("2026-03-01T02:59:00Z").unwrap()
}

fn job(name: &str, when: &str) -> Sync {
    let text = format!("[[sync]]\nname = '{name}'\nimages = ['127.0.0.1:1/a']\n{when}");
    crate::config::tests::read(&text).unwrap().syncs.remove(0)
}

impl Lab {
    async fn open(dir: TempDir, since: SystemTime, jobs: &[Sync]) -> Self {
        provider::install();
        let store = Store::create_or_open(StoreConfig::new(dir.path())).await;
        let (store, tasks, metrics) = (store.unwrap(), Tasks::new(), Metrics::new());
        let began = Instant::now();
        let clock: Clock = Arc::new(move || since + began.elapsed());
        let upstreams = Upstreams::new(
            store.clone(),
            roadstead_storage::Clock::system(),
            &tasks,
            ProxyVariables::default(),
            metrics.upstreams(),
        );
        let roster = Roster::new(Parts {
            store: store.clone(),
            upstreams,
            tasks: tasks.clone(),
            clock: Arc::clone(&clock),
            zone: TimeZone::UTC,
            counts: metrics.jobs(),
        });
        roster.reload(jobs).await;
        roster.note_new().await;
        Self {
            dir,
            roster,
            store,
            tasks,
            metrics,
            clock,
        }
    }

    /// Lets the schedule work for so long.
    async fn pass(&self, time: Duration) {
        let (roster, clock) = (self.roster.clone(), Arc::clone(&self.clock));
        let schedule = scheduler::run(roster, clock, self.tasks.stopping());
        timeout(time, schedule).await.unwrap_err();
    }

    fn standing(&self) -> Standing {
        self.roster.standings().remove(0)
    }

    fn runs(&self, outcome: &str) -> u64 {
        let line = format!("roadstead_sync_runs_total{{job=\"a\",outcome=\"{outcome}\"}} ");
        let text = self.metrics.encode();
        let mut values = text.lines().filter_map(|text| text.strip_prefix(&line));
        values.next().map_or(0, |value| value.parse().unwrap())
    }

    /// Ends the process, as far as jobs are concerned, and begins another one later.
    async fn later(self, by: Duration, jobs: &[Sync]) -> Self {
        let now = (self.clock)();
        self.tasks.drain(A_WHILE, std::future::pending()).await;
        let Self {
            dir, roster, store, ..
        } = self;
        drop(roster);
        store.close().await;
        Self::open(dir, now + by, jobs).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_at_its_hour_and_once() {
    let jobs = [job("a", "schedule = '0 3 * * *'")];
    let lab = Lab::open(TempDir::new().unwrap(), start(), &jobs).await;
    lab.pass(Duration::from_secs(50)).await;
    assert_eq!(lab.runs("failed"), 0);
    lab.pass(A_WHILE).await;
    assert_eq!(lab.runs("failed"), 1);
    let last = lab.standing().last.unwrap();
    assert_eq!(last.result, Ended::Failed);
    assert_eq!(last.totals.failed, 1);
    lab.pass(Duration::from_hours(23)).await;
    assert_eq!(lab.runs("failed"), 1);
    lab.pass(Duration::from_hours(1)).await;
    assert_eq!(lab.runs("failed"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_schedule_waits_to_be_asked() {
    let jobs = [job("a", "")];
    let lab = Lab::open(TempDir::new().unwrap(), start(), &jobs).await;
    lab.pass(Duration::from_hours(48)).await;
    assert!(lab.standing().last.is_none() && lab.standing().next.is_none());
    let mut run = lab.roster.run("a").await.unwrap();
    let finished = run.ended().await.unwrap();
    assert_eq!(finished.run.result, Ended::Failed);
    assert!(lab.roster.run("b").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn runs_that_were_missed_are_made_up_for_once() {
    let jobs = [job("a", "schedule = '0 3 * * *'")];
    let lab = Lab::open(TempDir::new().unwrap(), start(), &jobs).await;
    // Long enough to be known, and not yet due.
    lab.pass(Duration::from_secs(10)).await;
    let lab = lab.later(Duration::from_hours(100), &jobs).await;
    lab.pass(A_WHILE).await;
    assert_eq!(lab.runs("failed"), 1);
    lab.pass(Duration::from_hours(1)).await;
    assert_eq!(lab.runs("failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_end_of_the_server_cut_off_is_made_up_for() {
    let jobs = [job("a", "schedule = '0 3 * * *'")];
    let lab = Lab::open(TempDir::new().unwrap(), start(), &jobs).await;
    let mut run = lab.roster.run("a").await.unwrap();
    lab.tasks.drain(A_WHILE, std::future::pending()).await;
    assert_eq!(run.ended().await.unwrap().run.result, Ended::Stopped);
    let lab = lab.later(Duration::from_mins(2), &jobs).await;
    assert_eq!(lab.standing().last.unwrap().result, Ended::Stopped);
    lab.pass(A_WHILE).await;
    assert_eq!(lab.runs("failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_never_runs_beside_itself() {
    let jobs = [job("a", "every = '1h'")];
    let lab = Lab::open(TempDir::new().unwrap(), start(), &jobs).await;
    let mut first = lab.roster.run("a").await.unwrap();
    let mut second = lab.roster.run("a").await.unwrap();
    assert!(lab.standing().running.is_some());
    let (first, second) = tokio::join!(first.ended(), second.ended());
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    assert_eq!(lab.runs("failed"), 1);
    assert!(lab.standing().running.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_when_the_last_who_waits_for_it_has_gone() {
    let jobs = [job("a", "")];
    let lab = Lab::open(TempDir::new().unwrap(), start(), &jobs).await;
    let first = lab.roster.run("a").await.unwrap();
    let mut second = lab.roster.run("a").await.unwrap();
    drop(first);
    second.let_go();
    assert_eq!(second.ended().await.unwrap().run.result, Ended::Stopped);
    // It has ended, so another one begins.
    let mut third = lab.roster.run("a").await.unwrap();
    assert_eq!(third.ended().await.unwrap().run.result, Ended::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_reload_takes_jobs_in_and_lets_others_run_to_their_end() {
    let lab = Lab::open(TempDir::new().unwrap(), start(), &[job("a", "")]).await;
    let mut run = lab.roster.run("a").await.unwrap();
    lab.roster.reload(&[job("b", "every = '1h'")]).await;
    assert_eq!(lab.roster.names(), ["b"]);
    assert!(lab.roster.run("a").await.is_some(), "it can be followed");
    assert_eq!(run.ended().await.unwrap().run.result, Ended::Failed);
    assert!(lab.roster.run("a").await.is_none());
    lab.pass(A_WHILE).await;
    assert!(lab.standing().last.is_some(), "a new job is due at once");
}
