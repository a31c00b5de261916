//! One run of a job, from its order to what is remembered of it.
//!
//! Owns how a run is noted, counted and logged. Knows nothing of who wants it run and when. Invariant:
//! the store knows of a run before anything is copied, and of its end before anybody hears of it.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::tz::TimeZone;
use roadstead_certs::Clock;
use roadstead_mirror::job::{CutShort, ImageOutcome, Order, Outcome, Report as Plan};
use roadstead_storage::Store;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Sync;
use crate::jobs::copy::{copy, plan};
use crate::jobs::found::Found;
use crate::jobs::order;
use crate::jobs::progress::Progress;
use crate::jobs::record::{Ended, LastRun, Record};
use crate::jobs::work::Finished;
use crate::report::chain;
use crate::shutdown::Tasks;
use crate::telemetry::jobs::{EndedRun, JobCounts};
use crate::upstreams::Upstreams;

/// How many images that failed a line of the log names.
const MAX_NAMED: usize = 3;

/// What jobs are run with.
pub(crate) struct Parts {
    /// Where content goes.
    pub(crate) store: Store,
    /// Where it comes from.
    pub(crate) upstreams: Upstreams,
    /// Who runs what goes on when nobody polls it.
    pub(crate) tasks: Tasks,
    /// What time it is.
    pub(crate) clock: Clock,
    /// What time that is here.
    pub(crate) zone: TimeZone,
    /// Where runs are counted.
    pub(crate) counts: JobCounts,
}

/// Runs a job that began a moment ago, as its record says.
pub(super) async fn execute(
    parts: &Parts,
    job: &Arc<Sync>,
    record: &mut Record,
    progress: &Progress,
    stop: &CancellationToken,
) -> Finished {
    let began = (parts.clock)();
    record.keep(&parts.store, &job.name).await;
    let copied = bring(parts, job, progress, stop).await;
    let now = (parts.clock)();
    let (run, outcome) = match copied {
        Ok(outcome) => (LastRun::of(&outcome, began, now), Some(outcome)),
        Err(because) => (LastRun::failed(because, began, now), None),
    };
    tell(&job.name, &run);
    record.end(run.clone(), now);
    record.keep(&parts.store, &job.name).await;
    Finished { run, outcome }
}

async fn bring(
    parts: &Parts,
    job: &Arc<Sync>,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Outcome, String> {
    let Some(gathered) = stop.run_until_cancelled(Box::pin(gather(parts, job))).await else {
        return Ok(Outcome {
            cut_short: Some(CutShort::Stopped),
            ..Outcome::default()
        });
    };
    let Gathered { order, found } = gathered?;
    let kept = found.keep(&parts.store).await;
    kept.map_err(|error| chain(&error).to_string())?;
    let copied = copy(&parts.store, order, progress, stop).await;
    copied.map_err(|error| chain(&error).to_string())
}

/// Finds out what a run of a job would bring, and neither runs nor notes it; nothing when it was stopped
/// before that was known, and in words why there is nothing to find out.
pub(super) async fn foresee(
    parts: &Parts,
    job: &Arc<Sync>,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Option<Plan>, String> {
    let Some(gathered) = stop.run_until_cancelled(Box::pin(gather(parts, job))).await else {
        return Ok(None);
    };
    let planned = plan(&parts.store, gathered?.order, progress, stop).await;
    planned.map_err(|error| chain(&error).to_string())
}

/// What a run of a job is to bring.
struct Gathered {
    order: Order,
    found: Found,
}

async fn gather(parts: &Parts, job: &Arc<Sync>) -> Result<Gathered, String> {
    let now = (parts.clock)();
    let found = Found::of_job(&parts.store, &parts.upstreams, job, now).await?;
    let (job, upstreams) = (Arc::clone(job), parts.upstreams.clone());
    let gathered = spawn_blocking(move || {
        let order = order::of_job(&job, &found, &upstreams)?;
        Ok::<_, order::Error>(Gathered { order, found })
    });
    let gathered = gathered.await.map_err(|panic| panic.to_string())?;
    gathered.map_err(|error| chain(&error).to_string())
}

/// A run in numbers, for whoever counts.
pub(super) fn in_numbers(run: &LastRun) -> EndedRun {
    EndedRun {
        outcome: run.result.name(),
        success: success(run),
        failed_images: run.totals.failed,
        fetched: run.totals.bytes_fetched,
        saved: run.totals.bytes_saved,
    }
}

/// When a run brought everything, if it did.
pub(super) fn success(run: &LastRun) -> Option<SystemTime> {
    let is_done = run.result == Ended::Done;
    is_done.then_some(run.ended.map(Into::into)).flatten()
}

fn tell(job: &str, run: &LastRun) {
    let totals = &run.totals;
    let (images, copied, failed) = (totals.images, totals.copied, totals.failed);
    let fetched = totals.bytes_fetched;
    match run.result {
        Ended::Done => info!(job, images, copied, fetched, "Ran a sync job"),
        Ended::Failed => {
            error!(
                job,
                images,
                failed,
                because = causes(run),
                "A sync job failed"
            );
        }
        Ended::Partly => {
            let because = causes(run);
            warn!(
                job,
                images, copied, failed, fetched, because, "A sync job was done in part"
            );
        }
        Ended::Stopped => info!(job, images, copied, fetched, "Stopped a sync job"),
    }
}

/// The first reasons for what is missing.
fn causes(run: &LastRun) -> String {
    let image = |image: &ImageOutcome| match &image.because {
        Some(because) => format!("{}: {because}", image.source),
        None => image.source.clone(),
    };
    let failures = run.failures.iter().map(image);
    let causes = run.because.iter().cloned().chain(failures);
    causes.take(MAX_NAMED).collect::<Vec<_>>().join("; ")
}
