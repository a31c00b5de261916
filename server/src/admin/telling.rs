//! The answer to a command, written while the command is carried out.
//!
//! One line for each step, and one for the outcome. It drives the work itself, so a peer that goes away
//! drops the work with the answer. Invariant: the outcome is the last line.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;

use crate::admin::door::Line;
use crate::admin::watch::Step;

/// The body of an answer.
pub(super) struct Telling {
    /// Gone when its outcome was told.
    work: Option<Pin<Box<dyn Future<Output = Line> + Send>>>,
    steps: mpsc::Receiver<Step>,
}

impl Telling {
    /// Tells of `work`, whose steps come out of `steps`.
    pub(super) fn new(
        work: impl Future<Output = Line> + Send + 'static,
        steps: mpsc::Receiver<Step>,
    ) -> Self {
        Self {
            work: Some(Box::pin(work)),
            steps,
        }
    }
}

impl Body for Telling {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut work) = self.work.take() else {
            return Poll::Ready(None);
        };
        let line = match work.as_mut().poll(context) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                self.work = Some(work);
                match self.steps.poll_recv(context) {
                    Poll::Ready(Some(step)) => Line::Step(step),
                    // Without senders there are no more steps: only the work wakes us.
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        };
        Poll::Ready(Some(Ok(Frame::data(line.encode()))))
    }

    fn is_end_stream(&self) -> bool {
        self.work.is_none()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::task::yield_now;

    use super::*;
    use crate::admin::report::Report;
    use crate::admin::watch::Phase;

    #[tokio::test]
    async fn steps_are_told_while_the_work_goes_on_and_the_outcome_last() {
        let (told, steps) = mpsc::channel(2);
        for done in [1, 2] {
            let (phase, total) = (Phase::Mark, None);
            told.try_send(Step { phase, done, total }).unwrap();
        }
        let work = async {
            yield_now().await;
            yield_now().await;
            Line::Done(Report::Done)
        };
        let body = Telling::new(work, steps).collect().await.unwrap();
        let expected = "{\"Step\":{\"phase\":\"mark\",\"done\":1,\"total\":null}}\n\
            {\"Step\":{\"phase\":\"mark\",\"done\":2,\"total\":null}}\n\
            {\"Done\":\"Done\"}\n";
        assert_eq!(body.to_bytes(), expected);
    }
}
