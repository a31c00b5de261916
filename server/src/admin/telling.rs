//! The answer to a command, written while the command is carried out.
//!
//! One line for each thing that is told or asked of the caller's files, and one for the outcome. It
//! drives the work itself, so a peer that goes away drops the work with the answer. Invariant: the
//! outcome is the last line.

use std::convert::Infallible;
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;

use crate::admin::door::Line;
use crate::admin::exchange::Asking;
use crate::admin::watch::Told;

/// The body of an answer.
pub(super) struct Telling {
    work: Work,
    told: mpsc::Receiver<Told>,
    /// What is asked of the caller's files; nothing for a command without any.
    asking: Option<Asking>,
    /// Bytes that belong to the line before.
    bytes: Bytes,
}

enum Work {
    Underway(Pin<Box<dyn Future<Output = Line> + Send>>),
    /// Its outcome is told when all else is.
    Over(Line),
    /// Its outcome was told.
    Told,
}

impl Telling {
    /// Tells of `work`, of which `told` hears while it goes on.
    pub(super) fn new(
        work: impl Future<Output = Line> + Send + 'static,
        told: mpsc::Receiver<Told>,
    ) -> Self {
        Self {
            work: Work::Underway(Box::pin(work)),
            told,
            asking: None,
            bytes: Bytes::new(),
        }
    }

    /// Passes on what the work asks of the caller's files, too.
    #[must_use]
    pub(super) fn asking(self, asking: Asking) -> Self {
        let asking = Some(asking);
        Self { asking, ..self }
    }

    /// What the work asks for next, if it does.
    fn poll_asked(&mut self, context: &mut Context<'_>) -> Option<Line> {
        match self.asking.as_mut()?.poll_next(context) {
            Poll::Ready((line, bytes)) => {
                self.bytes = bytes;
                Some(Line::Asked(line))
            }
            Poll::Pending => None,
        }
    }

    /// What is told next, if something is.
    fn poll_told(&mut self, context: &mut Context<'_>) -> Option<Line> {
        match self.told.poll_recv(context) {
            Poll::Ready(Some(told)) => Some(Line::Told(told)),
            // Without senders nothing more is told: only the work wakes us.
            Poll::Ready(None) | Poll::Pending => None,
        }
    }

    /// The outcome, once the work is over.
    fn outcome(&mut self) -> Option<Line> {
        match replace(&mut self.work, Work::Told) {
            Work::Over(outcome) => Some(outcome),
            work => {
                self.work = work;
                None
            }
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
        if let Work::Underway(work) = &mut self.work
            && let Poll::Ready(outcome) = work.as_mut().poll(context)
        {
            self.work = Work::Over(outcome);
        }
        if matches!(self.work, Work::Told) {
            return Poll::Ready(None);
        }
        if !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let line = self
            .poll_asked(context)
            .or_else(|| self.poll_told(context))
            .or_else(|| self.outcome());
        match line {
            Some(line) => Poll::Ready(Some(Ok(Frame::data(line.encode())))),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.work, Work::Told)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::task::yield_now;

    use super::*;
    use crate::admin::report::Report;
    use crate::admin::watch::{Phase, Step};

    #[tokio::test]
    async fn what_was_told_when_the_work_ended_comes_before_the_outcome() {
        let (tell, told) = mpsc::channel(1);
        let (phase, done, total) = (Phase::Mark, 1, None);
        let work = async move {
            let step = Told::Step(Step { phase, done, total });
            tell.try_send(step).unwrap();
            Line::Done(Report::Done)
        };
        let body = Telling::new(work, told).collect().await.unwrap();
        let text = String::from_utf8(body.to_bytes().into()).unwrap();
        assert!(text.starts_with("{\"Told\""), "{text}");
        assert!(text.ends_with("{\"Done\":\"Done\"}\n"), "{text}");
    }

    #[tokio::test]
    async fn steps_are_told_while_the_work_goes_on_and_the_outcome_last() {
        let (tell, told) = mpsc::channel(2);
        for done in [1, 2] {
            let (phase, total) = (Phase::Mark, None);
            let step = Told::Step(Step { phase, done, total });
            tell.try_send(step).unwrap();
        }
        let work = async {
            yield_now().await;
            yield_now().await;
            Line::Done(Report::Done)
        };
        let body = Telling::new(work, told).collect().await.unwrap();
        let expected = "{\"Told\":{\"Step\":{\"phase\":\"mark\",\"done\":1,\"total\":null}}}\n\
            {\"Told\":{\"Step\":{\"phase\":\"mark\",\"done\":2,\"total\":null}}}\n\
            {\"Done\":\"Done\"}\n";
        assert_eq!(body.to_bytes(), expected);
    }
}
