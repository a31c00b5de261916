//! Long work and whoever waits for it: how far it has come, and the word to stop.
//!
//! Steps are for eyes, not for accounts: they are thinned out, and one that nobody has room for is
//! dropped rather than waited for; only images that are done are all told. Knows nothing of the work,
//! nor of how what is told is shown.

use std::future::pending;
use std::pin::pin;
use std::time::{Duration, Instant};

use roadstead_storage as storage;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::admin::command::Command;
use crate::admin::files::CallerFiles;
use crate::jobs::progress::{FinishedImage, Progress, Reached};

/// The shortest time between two steps of one phase.
const PERIOD: Duration = Duration::from_millis(200);

/// Steps that wait to be shown.
const WAITING: usize = 16;

/// What is told while work goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// An image has come to its end.
    Image(FinishedImage),
    /// So far a copy has come.
    Reached(Reached),
    /// So far other work has come.
    Step(Step),
}

/// How far long work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What it does.
    pub(crate) phase: Phase,
    /// How much is done, in the unit of the phase.
    pub(crate) done: u64,
    /// How much there is, where that is known.
    pub(crate) total: Option<u64>,
}

/// What long work does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Repositories are checked.
    Check,
    /// Blobs are copied; in bytes.
    Copy,
    /// Blobs are read; in bytes.
    Hash,
    /// Repositories are added to the index.
    Index,
    /// Manifests are read.
    Mark,
    /// Repositories are copied.
    Names,
    /// Something that this file does not know yet.
    Other,
    /// Blobs are taken away.
    Sweep,
}

impl From<storage::Progress> for Step {
    fn from(progress: storage::Progress) -> Self {
        let phase = match progress.phase {
            storage::Phase::Check => Phase::Check,
            storage::Phase::Copy => Phase::Copy,
            storage::Phase::Hash => Phase::Hash,
            storage::Phase::Index => Phase::Index,
            storage::Phase::Mark => Phase::Mark,
            storage::Phase::Names => Phase::Names,
            storage::Phase::Sweep => Phase::Sweep,
            _ => Phase::Other,
        };
        Self {
            phase,
            done: progress.done,
            total: progress.total,
        }
    }
}

/// What long work has of whoever waits for it.
pub(super) struct Watch {
    /// Cancelled when it shall stop.
    pub(super) stop: CancellationToken,
    told: mpsc::Sender<Told>,
    files: Option<CallerFiles>,
}

impl Watch {
    /// A watch, and where what is told comes out.
    pub(super) fn new(stop: CancellationToken) -> (Self, mpsc::Receiver<Told>) {
        let (told, shown) = mpsc::channel(WAITING);
        let files = None;
        (Self { stop, told, files }, shown)
    }

    /// The same of somebody whose files can be reached.
    #[must_use]
    pub(super) fn with_files(self, files: CallerFiles) -> Self {
        let files = Some(files);
        Self { files, ..self }
    }

    /// The files that the command line names, where the command is one that comes with any.
    pub(super) fn files(&self) -> Option<&CallerFiles> {
        self.files.as_ref()
    }

    /// Does `work`, which is copying, and tells how far it has come: together, if it is several copies.
    ///
    /// # Cancel safety
    /// As that of `work`.
    pub(super) async fn look_on<T>(&self, copies: &[Progress], work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut told = vec![0; copies.len()];
        loop {
            let done = timeout(PERIOD, work.as_mut()).await;
            for (copy, told) in copies.iter().zip(&mut told) {
                for image in copy.finished_behind(*told) {
                    *told += 1;
                    // Whoever does not listen any more does not stop the work by that.
                    let _ = self.told.send(Told::Image(image)).await;
                }
            }
            if let Ok(done) = done {
                return done;
            }
            let reached = copies.iter().map(Progress::reached).sum();
            let _ = self.told.try_send(Told::Reached(reached));
        }
    }

    /// What the store calls with its progress, as often as it likes.
    pub(super) fn progress(&self) -> impl FnMut(storage::Progress) + Send + 'static {
        let told = self.told.clone();
        let mut last: Option<(Phase, Instant)> = None;
        move |progress| {
            let step = Step::from(progress);
            let is_due =
                last.is_none_or(|(phase, told)| phase != step.phase || told.elapsed() >= PERIOD);
            if is_due && told.try_send(Told::Step(step)).is_ok() {
                last = Some((step.phase, Instant::now()));
            }
        }
    }
}

/// Resolves when somebody at the terminal stops `command` (Ctrl-C). One that is not long is simply
/// ended by the signal, as any program is.
pub(super) async fn interrupted(command: &Command) {
    if command.way_on().is_none() || tokio::signal::ctrl_c().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_of_each_phase_is_told_and_a_flood_is_not() {
        let (watch, mut shown) = Watch::new(CancellationToken::new());
        let mut progress = watch.progress();
        for phase in [storage::Phase::Mark, storage::Phase::Sweep] {
            for done in 0..1000 {
                progress(storage::Progress {
                    phase,
                    done,
                    total: None,
                });
            }
        }
        let mut told = Vec::new();
        while let Ok(Told::Step(step)) = shown.try_recv() {
            told.push((step.phase, step.done));
        }
        assert!(told.len() < 10, "{told:?}");
        assert_eq!(told[0], (Phase::Mark, 0));
        assert!(told.contains(&(Phase::Sweep, 0)), "{told:?}");
    }
}
