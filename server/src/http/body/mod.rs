//! The body of an answer: nothing, bytes at hand, or parts of a blob.
//!
//! Owns what an answer is made of; how a blob leaves is in `stream.rs`. It knows neither headers nor
//! status. Invariant: the length it announces is the length it delivers, or it ends in an error, which
//! breaks the connection rather than passing for the end.

mod passing;
mod pause;
mod reader;
mod stream;

use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use roadstead_storage::Error as StoreError;

use self::passing::Passing;
pub(crate) use self::reader::Reader;
pub(crate) use self::stream::FilePart;
use self::stream::Stream;
use crate::http::budget::Budget;
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

impl Body {
    /// One part of a blob; the whole is a part too. An empty blob has no parts: use [`Body::Empty`].
    pub(crate) fn part(reader: Reader, span: Span, budget: &Budget) -> Self {
        Self::Stream(Box::new(Stream::part(reader, span, budget)))
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
        Self::Stream(Box::new(Stream::parts(reader, parts, end, budget)))
    }

    /// How many bytes are still to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Passing(passing) => passing.left,
            Self::Stream(stream) => Some(stream.left()),
        }
    }

    /// The next of it as a part of a file, for those who can send one as it is; `None` when the next is
    /// no such part, or nothing: then it comes as a frame.
    pub(crate) fn poll_file(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<FilePart, StoreError>>> {
        match self {
            Self::Stream(stream) => stream.poll_file(context),
            _ => Poll::Ready(None),
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

#[cfg(test)]
mod tests;
