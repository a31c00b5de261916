//! The long work that keeps a store in order: collection, scrub, a new index, a backup.
//!
//! A command may ask for it as well as a worker of the server. Either way it ends early when its token
//! is cancelled or its future dropped; when it ends it is counted, and what it found lost is logged, here.
//! Knows nothing of when it is due and of how it is told to people.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use roadstead_storage::{
    Affected, BackedUp, Collected, Error, Outcome, Phase, Progress, ScrubOptions, Scrubbed, Store,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::report::chain;
use crate::telemetry::upkeep::Counts;

/// How many things a line of the log names; the report of the command names all.
const MAX_NAMED: usize = 20;

/// How long somebody who collects metrics waits for the room to be measured.
const MEASURE_DEADLINE: Duration = Duration::from_secs(1);

/// The long work on one store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Upkeep {
    store: Store,
    counts: Counts,
}

impl Upkeep {
    /// The upkeep of `store`, counted in `counts`.
    pub(crate) fn new(store: Store, counts: Counts) -> Self {
        Self { store, counts }
    }

    /// Copies the store as it is now into `dir`.
    ///
    /// # Errors
    /// As [`Store::backup`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted; the next one goes on.
    pub(crate) async fn back_up(
        &self,
        dir: PathBuf,
        stop: &CancellationToken,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<BackedUp, Error> {
        let outcome = until(stop, |flag| self.store.backup(dir, flag, progress)).await;
        self.counts.backup(&outcome);
        outcome
    }

    /// Takes away what nothing needs, or says what that would be.
    ///
    /// # Errors
    /// As [`Store::collect`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted; the next one goes on.
    pub(crate) async fn collect(
        &self,
        dry_run: bool,
        stop: &CancellationToken,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Collected, Error> {
        let outcome = until(stop, |flag| self.store.collect(dry_run, flag, progress)).await;
        if !dry_run {
            self.counts.collection(&outcome);
        }
        outcome
    }

    /// Measures what room the store has, for the metrics. What takes long, as the first count of a
    /// large store does, goes on without being waited for; until it is done the last numbers stay.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn measure(&self) {
        match timeout(MEASURE_DEADLINE, self.store.usage()).await {
            Ok(Ok(usage)) => self.counts.space(usage),
            Ok(Err(error)) => warn!(error = %chain(&error), "Could not measure the room"),
            Err(_) => {}
        }
    }

    /// Reads everything again, and logs what is lost.
    ///
    /// # Errors
    /// As [`Store::scrub`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted. What it set aside or mended stays so.
    pub(crate) async fn scrub(
        &self,
        options: ScrubOptions,
        stop: &CancellationToken,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Scrubbed, Error> {
        let counts = self.counts.clone();
        let mut counted = 0;
        // As they are read: a slow scrub takes days.
        let count = move |step: Progress| {
            if step.phase == Phase::Hash {
                counts.scrubbed(step.done.saturating_sub(counted));
                counted = step.done;
            }
            progress(step);
        };
        let outcome = until(stop, |flag| self.store.scrub(options, flag, count)).await;
        self.counts.scrub(&outcome);
        if let Ok(scrubbed) = &outcome {
            tell_losses(scrubbed);
        }
        outcome
    }

    /// Builds the index anew and says how many repositories it lists.
    ///
    /// # Errors
    /// As [`Store::reindex`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step; whoever keeps the index then builds it.
    pub(crate) async fn reindex(
        &self,
        stop: &CancellationToken,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<u64, Error> {
        let listed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&listed);
        let count = move |step: Progress| {
            counter.store(step.done, Ordering::Relaxed);
            progress(step);
        };
        until(stop, |flag| self.store.reindex(flag, count)).await?;
        Ok(listed.load(Ordering::Relaxed))
    }
}

/// The flag that work on the blocking pool looks at; dropping this raises it.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits for work that ends early when its flag is raised: by `stop`, or because nobody waits any more.
async fn until<F: Future>(
    stop: &CancellationToken,
    begin: impl FnOnce(Arc<AtomicBool>) -> F,
) -> F::Output {
    let flag = Flag(Arc::default());
    let mut work = pin!(begin(Arc::clone(&flag.0)));
    if let Some(done) = stop.run_until_cancelled(work.as_mut()).await {
        return done;
    }
    drop(flag);
    work.await
}

fn tell_losses(scrubbed: &Scrubbed) {
    let losses = scrubbed.defects.iter();
    for loss in losses.filter(|defect| defect.outcome == Outcome::Lost) {
        error!(
            path = %loss.path.display(),
            problem = %loss.problem,
            affects = names(&loss.affects),
            "Lost content"
        );
    }
}

/// The first names of a list, and how many more there are.
fn names(affected: &[Affected]) -> String {
    let named: Vec<_> = affected
        .iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect();
    let mut text = named.join(" ");
    if affected.len() > MAX_NAMED {
        let _ = write!(text, " and {} more", affected.len() - MAX_NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Poll;

    use super::*;

    /// Work that never ends but by its flag.
    async fn heed(flag: Arc<AtomicBool>) {
        while !flag.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_is_waited_for_after_the_order_to_stop() {
        let stop = CancellationToken::new();
        let work = until(&stop, heed);
        let cancel = async { stop.cancel() };
        tokio::join!(work, cancel);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_told_to_stop() {
        let stop = CancellationToken::new();
        let mut given = None;
        {
            let mut work = pin!(until(&stop, |flag| {
                given = Some(flag);
                pending::<()>()
            }));
            let first = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
            assert!(first.await.is_pending());
        }
        assert!(given.is_some_and(|flag| flag.load(Ordering::Relaxed)));
    }

    #[test]
    fn a_line_of_the_log_names_only_so_many() {
        let affected = Affected {
            repository: "a/b".parse().unwrap(),
            reference: "1".parse().unwrap(),
        };
        assert_eq!(names(std::slice::from_ref(&affected)), "a/b:1");
        let text = names(&vec![affected; MAX_NAMED + 3]);
        assert!(text.ends_with("a/b:1 and 3 more"), "{text}");
    }
}
