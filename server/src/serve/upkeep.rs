//! When the server looks after its store by itself.
//!
//! Collection begins one grace after the start, and then at each `storage.gc_every`: what a client was
//! promised before a restart is never taken from it, and a server that is started every day collects
//! every day. A backup holds it off, and then it does not wait for its next turn. Beside it, a store that
//! gets tight is trimmed at once; one that cannot be trimmed enough is left alone for a while. A scrub
//! begins an hour after the start where the last one was cut off, reads no faster than a disk hardly
//! notices, and rests for a week once it is through. What fails is logged and tried again at its next turn;
//! a panic ends the process, as that of any worker.

use std::num::NonZeroU64;
use std::time::Duration;

use roadstead_storage::{Error, ScrubOptions};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::report::chain;
use crate::upkeep::Upkeep;

/// How long after a backup was found in the way collection tries again.
const BACKUP_PAUSE: Duration = Duration::from_mins(10);

/// How long after a trim that did not make room enough the next one begins: more may be out of use then.
const TRIM_PAUSE: Duration = Duration::from_mins(10);

/// How long after the start a scrub goes on, and after one that failed the next begins.
const SCRUB_PAUSE: Duration = Duration::from_hours(1);

/// How long after a scrub the next one begins.
const SCRUB_EVERY: Duration = Duration::from_hours(7 * 24);

/// What a scrub reads in a second. A terabyte takes a day and a half, and pulls do not feel it.
const SCRUB_RATE: NonZeroU64 = NonZeroU64::new(8 << 20).expect("eight is above zero");

/// Collects for the first time after `grace` and then every `every`, and trims whenever the store gets
/// tight, until `stop`.
///
/// # Cancel safety
/// Dropped, a collection stops at its next step.
pub(super) async fn collect(
    upkeep: Upkeep,
    every: Duration,
    grace: Duration,
    stop: CancellationToken,
) {
    let collect = collect_in_turn(&upkeep, every, grace, &stop);
    tokio::join!(collect, trim(&upkeep, &stop));
}

async fn collect_in_turn(
    upkeep: &Upkeep,
    every: Duration,
    grace: Duration,
    stop: &CancellationToken,
) {
    let mut pause = grace;
    while stop.run_until_cancelled(sleep(pause)).await.is_some() {
        pause = match upkeep.collect(false, stop, |_| {}).await {
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

async fn trim(upkeep: &Upkeep, stop: &CancellationToken) {
    while stop
        .run_until_cancelled(upkeep.until_tight())
        .await
        .is_some()
    {
        let pause = match upkeep.trim(stop).await {
            Ok(trimmed) if trimmed.is_enough() => continue,
            Ok(trimmed) => {
                warn!(
                    wanted = trimmed.wanted,
                    bytes = trimmed.bytes,
                    "The store is tight, and there is nothing more to trim"
                );
                TRIM_PAUSE
            }
            Err(Error::Stopped) => return,
            Err(Error::BackingUp) => {
                info!("Trimming waits for a backup");
                TRIM_PAUSE
            }
            Err(error) => {
                error!(error = %chain(&error), "Trimming failed");
                TRIM_PAUSE
            }
        };
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    use bytes::Bytes;
    use roadstead_storage::oci::{Algorithm, Digest, Manifest, RepoName};
    use roadstead_storage::{Clock, Config, Fetch, Origin, Principal, Put, Store};
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

    /// Fills a store nearly with an image that was pulled through a day ago.
    async fn full_store(dir: &TempDir) -> Store {
        let ahead = Arc::new(AtomicU64::new(0));
        let shift = Arc::clone(&ahead);
        let mut config = Config::new(dir.path());
        config.max_size = Some(100 << 10);
        config.clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
        });
        let store = Store::create_or_open(config).await.unwrap();
        let name: RepoName = "a/b".parse().unwrap();
        let layer = Bytes::from(vec![0; 97 << 10]);
        let digest = Digest::of(Algorithm::Sha256, &layer);
        let Fetch::Begun(mut fetch) = store.fetch(digest).await.unwrap() else {
            panic!("nobody else fetches it");
        };
        fetch.append(layer).await.unwrap();
        fetch.commit(&name).await.unwrap();
        let blob = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":99328}}"#);
        let text = format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob}]}}"#);
        let kind = Some("application/vnd.oci.image.manifest.v1+json");
        let manifest = Manifest::parse(kind, text.into()).unwrap();
        let put = Put {
            digest: manifest.digest(Algorithm::Sha256),
            manifest,
            tags: vec!["1".parse().unwrap()],
            origin: Origin::PulledThrough,
            by: Principal::new("upstream"),
        };
        store.repo(&name).put_manifest(put).await.unwrap();
        ahead.store(DAY * 60, Ordering::Relaxed);
        store
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_gets_tight_is_trimmed_at_once() {
        let dir = TempDir::new().unwrap();
        let store = full_store(&dir).await;
        let metrics = Metrics::new();
        let stop = CancellationToken::new();
        let upkeep = Upkeep::new(store.clone(), metrics.upkeep());
        let never = Duration::from_hours(1000);
        let worker = collect(upkeep, never, never, stop.clone());
        let trimmed = async {
            store.until_trimmed().await;
            stop.cancel();
        };
        tokio::join!(worker, trimmed);
        assert_eq!(store.stat().await.unwrap().manifests, 0);
        let text = metrics.encode();
        let told = |line: &str| text.lines().any(|other| other == line);
        assert!(told("roadstead_trimmed_manifests_total 1"), "{text}");
        assert!(!told("roadstead_trimmed_bytes_total 0"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_scrub_begins_after_an_hour_and_again_after_a_week() {
        let expected = [(59, 0), (61, 1), (7 * DAY + 59, 1), (7 * DAY + 61, 2)];
        check(scrub, "scrubs", &expected).await;
    }
}
