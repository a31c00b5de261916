//! Who may spawn, and how everything that was spawned ends.
//!
//! [`Tasks`] is the only door to the runtime: every connection and every worker runs under its
//! tracker, so that a stop can wait for them, hurry them and count the rest. It knows nothing of
//! what the tasks do. Invariant: a worker that panics stops the process (systemd starts it into a
//! known state), a connection that panics ends only itself.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, error, warn};

/// How long tasks that were told to vanish may take to do so: they end at their next wake-up.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// The tasks of this process; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tracker: TaskTracker,
    /// Tasks that are for others: nobody waits for them when those are gone.
    aside: TaskTracker,
    /// Finish what you are doing, begin nothing new.
    stop: CancellationToken,
    /// Vanish at the next await.
    abort: CancellationToken,
    /// A worker is gone; the process must end.
    broken: CancellationToken,
    culprit: OnceLock<WorkerPanicked>,
}

/// A worker of the process panicked.
#[derive(Clone, Debug, Error)]
#[error("worker {worker} panicked: {message}")]
pub(crate) struct WorkerPanicked {
    worker: &'static str,
    message: String,
}

/// What a panic said.
#[derive(Debug, Error)]
#[error("panic: {message}")]
pub(crate) struct Panicked {
    message: String,
}

/// What a person or a service manager asked of the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Read the configuration, the users and the certificates again.
    Reload,
    /// Drain and end; a second one hurries.
    Stop,
}

impl Tasks {
    /// No tasks yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Runs `future` to its end, or until the drain's deadline has passed.
    ///
    /// A panic in it is logged and ends only this task.
    pub(crate) fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(&self.inner.tracker, future);
    }

    /// Runs `future`, which loses nothing when it ends early, as [`Tasks::spawn`] does; but a drain
    /// does not wait for it once all others are done.
    pub(crate) fn spawn_aside<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(&self.inner.aside, future);
    }

    fn spawn_on<F>(&self, tracker: &TaskTracker, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let abort = self.inner.abort.clone();
        let task = async move {
            tokio::select! {
                biased;
                () = abort.cancelled() => {}
                outcome = caught(future) => {
                    if let Err(panic) = outcome {
                        error!(panic = panic.to_string(), "A task panicked");
                    }
                }
            }
        };
        tracker.spawn(task.instrument(Span::current()));
    }

    /// Runs a part of the process that must not die: its panic stops the whole.
    ///
    /// A worker watches [`Tasks::stopping`] itself and ends when its current step is done.
    pub(crate) fn worker<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            if let Err(Panicked { message }) = caught(future).await {
                error!(
                    worker = name,
                    message, "A worker panicked, the process stops"
                );
                // Only the first one is reported; the others panicked because of it, or will be
                // found by the next start.
                let _ = inner.culprit.set(WorkerPanicked {
                    worker: name,
                    message,
                });
                inner.broken.cancel();
            }
        });
    }

    /// Is cancelled when the process begins to stop.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.inner.stop.clone()
    }

    /// Resolves when a worker has panicked.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost by dropping it.
    pub(crate) async fn broken(&self) {
        self.inner.broken.cancelled().await;
    }

    /// The worker whose panic broke the process, if one did.
    pub(crate) fn culprit(&self) -> Option<WorkerPanicked> {
        self.inner.culprit.get().cloned()
    }

    /// Tells everyone to stop and waits: for all of them, for `grace`, or for `hurry`, whichever
    /// comes first; what is left is then aborted. Returns how many were.
    ///
    /// # Cancel safety
    /// Dropped early, the tasks have been told to stop and none has been aborted.
    pub(crate) async fn drain(&self, grace: Duration, hurry: impl Future<Output = ()>) -> usize {
        self.inner.stop.cancel();
        let Inner { tracker, aside, .. } = &*self.inner;
        tracker.close();
        aside.close();
        tokio::select! {
            () = tracker.wait() => {}
            () = tokio::time::sleep(grace) => {}
            () = hurry => {}
        }
        let left = tracker.len();
        self.inner.abort.cancel();
        let all = async {
            tracker.wait().await;
            aside.wait().await;
        };
        if timeout(ABORT_GRACE, all).await.is_err() {
            let tasks = tracker.len() + aside.len();
            warn!(tasks, "Some tasks did not end when aborted");
        }
        left
    }
}

/// The signals of the process, read as orders: SIGTERM and SIGINT stop, SIGHUP reloads.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over; from here on they no longer end the process by themselves.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next order.
    ///
    /// # Cancel safety
    /// Safe: a signal that arrives meanwhile is seen by the next call.
    pub(crate) async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.hangup.recv() => Order::Reload,
        }
    }
}

/// Drives `future`, turning a panic in it into an error.
///
/// The future is dropped after a panic and never polled again, so a broken invariant inside it
/// cannot be seen; what it shares with others must bear a panic (no lock of ours is poisoned, for
/// none is held across an await).
///
/// # Errors
/// When the future panicked.
///
/// # Cancel safety
/// As that of `future`.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(Panicked::from(payload))),
        },
    )
    .await
}

impl From<Box<dyn Any + Send>> for Panicked {
    fn from(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => payload
                .downcast::<&'static str>()
                .map_or_else(|_| "no message".to_owned(), |text| (*text).to_owned()),
        };
        Self { message }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_a_task_that_finishes_its_step() {
        let tasks = Tasks::new();
        let stop = tasks.stopping();
        let (done, finished) = oneshot::channel();
        tasks.spawn(async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            done.send(()).expect("the test waits");
        });
        assert_eq!(tasks.drain(Duration::from_mins(1), pending()).await, 0);
        finished.await.expect("the task ran to its end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ignores_the_stop_is_aborted_after_the_grace_and_counted() {
        let tasks = Tasks::new();
        tasks.spawn(pending());
        tasks.spawn(pending());
        assert_eq!(tasks.drain(Duration::from_secs(30), pending()).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_what_is_aside_as_long_as_others_go_on() {
        let tasks = Tasks::new();
        let stop = tasks.stopping();
        let (give, take) = oneshot::channel();
        tasks.spawn_aside(async move {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            give.send(()).expect("it is waited for");
        });
        tasks.spawn(async move { take.await.expect("it is given") });
        tasks.spawn_aside(pending());
        let began = tokio::time::Instant::now();
        assert_eq!(tasks.drain(Duration::from_mins(1), pending()).await, 0);
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_second_order_to_stop_does_not_wait_for_the_grace() {
        let tasks = Tasks::new();
        tasks.spawn(pending());
        assert_eq!(tasks.drain(Duration::from_hours(1), ready(())).await, 1);
    }

    #[tokio::test]
    async fn a_panicking_task_leaves_the_process_whole_and_a_panicking_worker_breaks_it() {
        let tasks = Tasks::new();
        tasks.spawn(async { panic!("a stranger's request") });
        tokio::task::yield_now().await;
        assert!(tasks.culprit().is_none());

        tasks.worker("index", async { panic!("page {} is torn", 7) });
        tasks.broken().await;
        let culprit = tasks.culprit().expect("broken names its culprit");
        assert_eq!(culprit.to_string(), "worker index panicked: page 7 is torn");
    }

    #[tokio::test]
    async fn a_caught_future_gives_its_output_or_the_panic_s_message() {
        assert_eq!(caught(ready(3)).await.expect("no panic"), 3);
        let panic = caught(async { panic!("odd") })
            .await
            .expect_err("it panicked");
        assert_eq!(panic.to_string(), "panic: odd");
    }
}
