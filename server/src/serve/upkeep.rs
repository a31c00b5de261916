//! When the server looks after its store by itself.
//!
//! Collection begins one grace after the start, and then at each `storage.gc_every`: what a client was
//! promised before a restart is never taken from it, and a server that is started every day collects
//! every day. A backup holds it off, and then it does not wait for its next turn. A scrub begins an hour after the start where the last one was cut off, reads no faster
//! than a disk hardly notices, and rests for a week once it is through. What fails is logged and tried
//! again at its next turn; a panic ends the process, as that of any worker.

use std::num::NonZeroU64;
use std::time::Duration;

use roadstead_storage::{Error, ScrubOptions};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::report::chain;
use crate::upkeep::Upkeep;

/// How long after a backup was found in the way collection tries again.
const BACKUP_PAUSE: Duration = Duration::from_mins(10);

/// How long after the start a scrub goes on, and after one that failed the next begins.
const SCRUB_PAUSE: Duration = Duration::from_hours(1);

/// How long after a scrub the next one begins.
const SCRUB_EVERY: Duration = Duration::from_hours(7 * 24);

/// What a scrub reads in a second. A terabyte takes a day and a half, and pulls do not feel it.
const SCRUB_RATE: NonZeroU64 = NonZeroU64::new(8 << 20).expect("eight is above zero");

/// Collects for the first time after `grace` and then every `every`, until `stop`.
///
/// # Cancel safety
/// Dropped, a collection stops at its next step.
pub(super) async fn collect(
    upkeep: Upkeep,
    every: Duration,
    grace: Duration,
    stop: CancellationToken,
) {
    let mut pause = grace;
    while stop.run_until_cancelled(sleep(pause)).await.is_some() {
        pause = match upkeep.collect(false, &stop, |_| {}).await {
            // The store has logged what went.
            Ok(_) => every,
            Err(Error::Stopped) => return,
            Err(Error::BackingUp) => {
                info!("Collecting waits for a backup");
                every.min(BACKUP_PAUSE)
            }
            Err(error) => {
                error!(error = %chain(&error), "Collecting failed");
                every
            }
        };
    }
}

/// Scrubs slowly, again and again, until `stop`.
///
/// # Cancel safety
/// Dropped, a scrub stops at its next step; the next one goes on from there.
pub(super) async fn scrub(upkeep: Upkeep, stop: CancellationToken) {
    let options = ScrubOptions {
        bytes_per_second: Some(SCRUB_RATE),
        resume: true,
    };
    let mut pause = SCRUB_PAUSE;
    while stop.run_until_cancelled(sleep(pause)).await.is_some() {
        pause = match upkeep.scrub(options, &stop, |_| {}).await {
            Ok(_) => SCRUB_EVERY,
            Err(Error::Stopped) => return,
            Err(error) => {
                error!(error = %chain(&error), "Scrubbing failed");
                SCRUB_PAUSE
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use roadstead_storage::{Config, Store};
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::telemetry::Metrics;

    const DAY: u64 = 24 * 60;

    /// Runs a worker on an empty store and looks at a metric after each of these minutes.
    async fn check<W: Future<Output = ()>>(
        worker: impl FnOnce(Upkeep, CancellationToken) -> W,
        metric: &str,
        expected: &[(u64, u64)],
    ) {
        let dir = TempDir::new().unwrap();
        let store = Store::create_or_open(Config::new(dir.path()))
            .await
            .unwrap();
        let metrics = Metrics::new();
        let stop = CancellationToken::new();
        let mut worker = Box::pin(worker(Upkeep::new(store, metrics.upkeep()), stop.clone()));
        let mut past = 0;
        for (minute, count) in expected {
            timeout(Duration::from_mins(minute - past), &mut worker)
                .await
                .unwrap_err();
            past = *minute;
            let line = format!("roadstead_{metric}_total{{outcome=\"done\"}} {count}");
            let text = metrics.encode();
            let told = text.lines().any(|other| other == line);
            assert!(
                told || *count == 0 && !text.contains("outcome"),
                "{line} in\n{text}"
            );
        }
        stop.cancel();
        worker.await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_collection_waits_for_one_grace_and_the_next_for_its_turn() {
        let (every, grace) = (Duration::from_hours(24), Duration::from_hours(1));
        let worker = |upkeep, stop| collect(upkeep, every, grace, stop);
        let expected = [(59, 0), (61, 1), (DAY + 59, 1), (DAY + 61, 2)];
        check(worker, "collections", &expected).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_scrub_begins_after_an_hour_and_again_after_a_week() {
        let expected = [(59, 0), (61, 1), (7 * DAY + 59, 1), (7 * DAY + 61, 2)];
        check(scrub, "scrubs", &expected).await;
    }
}
