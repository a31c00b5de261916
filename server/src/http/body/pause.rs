//! Lets others have their turn between two stretches of a long answer.
//!
//! Data that is in memory and a client that takes it never make a task wait, so one blob would keep a
//! worker for hundreds of megabytes while other requests of that worker wait. Waking oneself and
//! returning is not enough: a worker goes on with tasks that are ready and looks only now and then at
//! its sockets. tokio's `yield_now` does wait for that, but counts polls, and hyper polls a body again
//! in the same breath, at which it would be over. So here it is given a waker of our own, and the pause
//! is over when that is woken and not before.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::task::yield_now;

/// How many bytes go out between two pauses.
const STRETCH: usize = 1024 * 1024;

/// The pauses of one answer.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Since the last one.
    sent: usize,
    underway: Option<Arc<Turn>>,
}

/// What others do before we go on.
#[derive(Debug, Default)]
struct Turn {
    is_over: AtomicBool,
    task: AtomicWaker,
}

impl Pause {
    /// Notes that so many bytes went out.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// Ready when it is our turn.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.sent >= STRETCH {
            self.sent = 0;
            self.underway = Some(begin());
        }
        if let Some(turn) = &self.underway {
            // Before looking, so that an end in between is not missed.
            turn.task.register(context.waker());
            if !turn.is_over.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            self.underway = None;
        }
        Poll::Ready(())
    }
}

fn begin() -> Arc<Turn> {
    let turn = Arc::new(Turn::default());
    let waker = Waker::from(Arc::clone(&turn));
    // Its first poll hands the waker to the runtime; nothing else of it is of use here.
    let _ = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
    turn
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.is_over.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn a_pause_outlasts_being_polled_again_and_lets_others_run() {
        let turns = Arc::new(AtomicUsize::new(0));
        let other = {
            let turns = Arc::clone(&turns);
            tokio::runtime::Handle::current().spawn(async move {
                turns.fetch_add(1, Ordering::Relaxed);
            })
        };
        let mut pause = Pause::default();
        pause.sent(STRETCH);
        poll_fn(|context| {
            let first = pause.poll(context);
            if first.is_pending() {
                assert!(pause.poll(context).is_pending());
                assert!(pause.poll(context).is_pending());
            }
            first
        })
        .await;
        assert_eq!(turns.load(Ordering::Relaxed), 1);
        other.await.expect("it ran");
    }

    #[tokio::test]
    async fn a_short_answer_goes_out_in_one_go() {
        let mut pause = Pause::default();
        pause.sent(STRETCH - 1);
        poll_fn(|context| {
            assert!(pause.poll(context).is_ready());
            Poll::Ready(())
        })
        .await;
    }
}
