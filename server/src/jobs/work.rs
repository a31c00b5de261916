//! A run of a job, and those who wait for its end.
//!
//! A run goes on as long as somebody waits: the schedule, or a command. When the last of them has gone
//! it is told to stop. Knows nothing of what the run does, nor of which jobs there are.

use std::sync::{Arc, Weak};

use roadstead_mirror::job::Outcome;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::jobs::progress::Progress;
use crate::jobs::record::LastRun;

/// A run that is over.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// What is remembered of it.
    pub(crate) run: LastRun,
    /// What became of each image, where it came to copying.
    pub(crate) outcome: Option<Outcome>,
}

/// A run that goes on.
#[derive(Debug)]
pub(super) struct Run {
    progress: Progress,
    interest: Weak<Interest>,
    done: watch::Receiver<Option<Arc<Finished>>>,
}

/// Somebody who waits for the end of a run. Dropped, it waits no longer.
#[derive(Debug)]
pub(crate) struct Follower {
    progress: Progress,
    interest: Option<Arc<Interest>>,
    done: watch::Receiver<Option<Arc<Finished>>>,
}

/// What the run itself has.
#[derive(Debug)]
pub(super) struct Worker {
    /// Where it tells how it gets on.
    pub(super) progress: Progress,
    /// Cancelled when it shall stop.
    pub(super) stop: CancellationToken,
    /// Where it tells that it is over.
    pub(super) done: watch::Sender<Option<Arc<Finished>>>,
}

/// Shared by all who wait.
#[derive(Debug)]
struct Interest(CancellationToken);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A run that somebody waits for and that ends when `stop` is cancelled, too.
pub(super) fn begin(stop: &CancellationToken) -> (Run, Worker, Follower) {
    let stop = stop.child_token();
    let interest = Arc::new(Interest(stop.clone()));
    let (told, done) = watch::channel(None);
    let progress = Progress::default();
    let run = Run {
        progress: progress.clone(),
        interest: Arc::downgrade(&interest),
        done: done.clone(),
    };
    let follower = Follower {
        progress: progress.clone(),
        interest: Some(interest),
        done,
    };
    let worker = Worker {
        progress,
        stop,
        done: told,
    };
    (run, worker, follower)
}

impl Run {
    /// How far it has come.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Waits for it, too; unless it is about to stop since nobody does.
    pub(super) fn follow(&self) -> Option<Follower> {
        Some(Follower {
            progress: self.progress.clone(),
            interest: Some(self.interest.upgrade()?),
            done: self.done.clone(),
        })
    }

    /// Looks on, without keeping it from stopping.
    pub(super) fn look_on(&self) -> Follower {
        Follower {
            progress: self.progress.clone(),
            interest: None,
            done: self.done.clone(),
        }
    }
}

impl Follower {
    /// How far the run has come.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Waits no longer for the run to be done, only for its end: it stops if nobody else waits.
    pub(crate) fn let_go(&mut self) {
        self.interest = None;
    }

    /// The end of the run; nothing when it ended by a fault of this program.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub(crate) async fn ended(&mut self) -> Option<Arc<Finished>> {
        let done = self.done.wait_for(Option::is_some).await.ok()?;
        done.clone()
    }
}
