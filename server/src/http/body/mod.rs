//! The body of an answer: nothing, bytes at hand, or parts of a blob.
//!
//! Owns how a blob leaves: in pieces, one read ahead of the one being sent, never more of it in
//! memory. It knows neither headers nor status. Invariant: the length it announces is the length it
//! delivers, or it ends in an error, which breaks the connection rather than passing for the end.

mod passing;
mod reader;

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use roadstead_storage::Error as StoreError;

use self::passing::Passing;
pub(crate) use self::reader::Reader;
use crate::http::budget::{Budget, Share};
use crate::http::range::Span;

/// The body of every answer this registry gives.
#[derive(Debug, Default)]
pub(crate) enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes at hand.
    Full(Bytes),
    /// Read from an upstream while it is sent.
    Passing(Box<Passing>),
    /// Read from a blob while it is sent.
    Stream(Box<Stream>),
}

/// A sequence of texts and parts of one blob.
pub(crate) struct Stream {
    reader: Reader,
    segments: VecDeque<Segment>,
    left: u64,
    ahead: Ahead,
    share: Share,
}

#[derive(Debug)]
enum Segment {
    Part(Span),
    Text(Bytes),
}

type Reading = Pin<Box<dyn Future<Output = Result<Bytes, StoreError>> + Send>>;

/// The piece after the one that was handed out last.
#[derive(Default)]
enum Ahead {
    Done(Result<Bytes, StoreError>),
    #[default]
    Nothing,
    Underway(Reading),
}

impl Body {
    /// One part of a blob; the whole is a part too. An empty blob has no parts: use [`Body::Empty`].
    pub(crate) fn part(reader: Reader, span: Span, budget: &Budget) -> Self {
        Self::stream(reader, VecDeque::from([Segment::Part(span)]), budget)
    }

    /// One part of a blob that goes straight to the client, or all of it.
    pub(crate) fn passing(blob: Box<roadstead_mirror::Passing>, part: Option<Span>) -> Self {
        Self::Passing(Box::new(Passing::new(blob, part)))
    }

    /// Several parts of a blob, each after its own head, and what comes after the last.
    pub(crate) fn parts(
        reader: Reader,
        parts: impl IntoIterator<Item = (Bytes, Span)>,
        end: Bytes,
        budget: &Budget,
    ) -> Self {
        let mut segments = VecDeque::new();
        for (head, span) in parts {
            segments.extend([Segment::Text(head), Segment::Part(span)]);
        }
        segments.push_back(Segment::Text(end));
        Self::stream(reader, segments, budget)
    }

    fn stream(reader: Reader, segments: VecDeque<Segment>, budget: &Budget) -> Self {
        let left = segments.iter().map(Segment::len).sum();
        let share = budget.share();
        Self::Stream(Box::new(Stream {
            reader,
            segments,
            left,
            ahead: Ahead::Nothing,
            share,
        }))
    }

    /// How many bytes are still to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Passing(passing) => passing.left,
            Self::Stream(stream) => Some(stream.left),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Passing(passing) => {
                let next = ready!(passing.poll_next(context));
                Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
            }
            Self::Stream(stream) => {
                let next = ready!(stream.poll_next(context));
                Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Passing(passing) => passing.is_over(),
            _ => self.left() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Stream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        self.read_ahead(context);
        let outcome = match take(&mut self.ahead) {
            Ahead::Done(outcome) => outcome,
            Ahead::Underway(reading) => {
                self.ahead = Ahead::Underway(reading);
                return Poll::Pending;
            }
            Ahead::Nothing => match self.segments.pop_front() {
                Some(Segment::Text(text)) => Ok(text),
                _ => return Poll::Ready(None),
            },
        };
        match &outcome {
            Ok(bytes) => {
                self.left -= bytes.len() as u64;
                // Begun now, the next piece is read while this one is sent.
                self.read_ahead(context);
            }
            Err(_) => self.segments.clear(),
        }
        Poll::Ready(Some(outcome))
    }

    /// Starts the next read if none is underway and a part of the blob comes next.
    fn read_ahead(&mut self, context: &mut Context<'_>) {
        if let Ahead::Nothing = self.ahead
            && let Some(Segment::Part(span)) = self.segments.front()
        {
            let piece = span.len.min(self.share.piece() as u64);
            let piece = usize::try_from(piece).expect("a piece is within the budget");
            let (mut reader, offset) = (self.reader.clone(), span.start);
            self.ahead = Ahead::Underway(Box::pin(async move { reader.read(offset, piece).await }));
        }
        if let Ahead::Underway(reading) = &mut self.ahead
            && let Poll::Ready(outcome) = reading.as_mut().poll(context)
        {
            self.ahead = Ahead::Done(self.pass(outcome));
        }
    }

    /// Goes on behind what was read of the part in front.
    fn pass(&mut self, outcome: Result<Bytes, StoreError>) -> Result<Bytes, StoreError> {
        let bytes = outcome?;
        if let Some(Segment::Part(span)) = self.segments.front_mut() {
            // A fetch gives what has come, which is something as long as it goes on.
            if bytes.is_empty() {
                return Err(StoreError::FetchInterrupted);
            }
            span.start += bytes.len() as u64;
            span.len -= bytes.len() as u64;
            if span.len == 0 {
                self.segments.pop_front();
            }
        }
        Ok(bytes)
    }
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Self::Part(span) => span.len,
            Self::Text(text) => text.len() as u64,
        }
    }
}

impl Debug for Passing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passing")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Debug for Stream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("digest", &self.reader.digest())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
