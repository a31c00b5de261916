//! How a blob leaves: piece by piece, or, for who can send one, as parts of its file.
//!
//! What is in memory is read at once, into buffers that are used again; for the rest the blocking pool
//! waits, and has the kernel read on from there. Never more than one piece is held. Invariant: as of
//! [`super::Body`], whichever way each part of it leaves.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use roadstead_storage::{BlobReader, Error as StoreError};

use super::pause::Pause;
use super::reader::Reader;
use crate::http::budget::{Budget, Share};
use crate::http::range::Span;

/// Below this, reading into memory and sending that along with the head is cheaper.
const SHORTEST_FILE: u64 = 64 * 1024;
/// How much of a file is handed out at a time. It is what may leave a disk's cache again before it is
/// sent, and what has been counted as sent when a client goes away.
const LONGEST_FILE: u64 = 512 * 1024;

/// A sequence of texts and parts of one blob.
pub(crate) struct Stream {
    reader: Reader,
    segments: VecDeque<Segment>,
    left: u64,
    /// Of the piece that comes next, while it must be waited for.
    reading: Option<Waiting<Bytes>>,
    /// Of the part of the file that comes next, likewise.
    caching: Option<Waiting<()>>,
    pause: Pause,
    budget: Budget,
    /// From the first piece on that is read into memory.
    share: Option<Share>,
}

/// A part of a blob's file, in memory when it was handed out.
#[derive(Debug)]
pub(crate) struct FilePart {
    /// What it is a part of.
    pub(crate) blob: BlobReader,
    /// Where it begins.
    pub(crate) offset: u64,
    length: usize,
}

#[derive(Debug)]
enum Segment {
    Part(Span),
    Text(Bytes),
}

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

impl Stream {
    pub(super) fn part(reader: Reader, span: Span, budget: &Budget) -> Self {
        Self::new(reader, VecDeque::from([Segment::Part(span)]), budget)
    }

    pub(super) fn parts(
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
        Self::new(reader, segments, budget)
    }

    fn new(reader: Reader, segments: VecDeque<Segment>, budget: &Budget) -> Self {
        Self {
            reader,
            left: segments.iter().map(Segment::len).sum(),
            segments,
            reading: None,
            caching: None,
            pause: Pause::default(),
            budget: budget.clone(),
            share: None,
        }
    }

    /// How many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, StoreError>>> {
        let outcome = match self.segments.front_mut() {
            None => return Poll::Ready(None),
            Some(Segment::Text(text)) => Ok(std::mem::take(text)),
            Some(Segment::Part(span)) => {
                let span = *span;
                ready!(self.poll_piece(span, context))
            }
        };
        Poll::Ready(Some(self.settle(outcome, Bytes::len)))
    }

    /// As of [`super::Body::poll_file`].
    pub(super) fn poll_file(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<FilePart, StoreError>>> {
        let (Some(Segment::Part(span)), Reader::Held(blob), None) =
            (self.segments.front(), &self.reader, &self.reading)
        else {
            return Poll::Ready(None);
        };
        if span.len < SHORTEST_FILE {
            return Poll::Ready(None);
        }
        let length = usize::try_from(span.len.min(LONGEST_FILE)).expect("it is short");
        let part = FilePart::new(blob.clone(), span.start, length);
        let cached = ready!(self.poll_cached(&part, context));
        Poll::Ready(Some(self.settle(cached.map(|()| part), FilePart::len)))
    }

    /// The next piece of a part.
    fn poll_piece(
        &mut self,
        span: Span,
        context: &mut Context<'_>,
    ) -> Poll<Result<Bytes, StoreError>> {
        let Some(reading) = &mut self.reading else {
            ready!(self.pause.poll(context));
            let share = self.share.get_or_insert_with(|| self.budget.share());
            let mut buffer = share.buffer(span.len);
            let read = self.reader.read_cached(span.start, buffer.as_mut());
            if read > 0 {
                return Poll::Ready(Ok(buffer.filled(read)));
            }
            let reading = self.reader.clone().read(span.start, buffer);
            self.reading = Some(Box::pin(reading));
            return self.poll_piece(span, context);
        };
        let outcome = ready!(reading.as_mut().poll(context));
        self.reading = None;
        // A fetch gives what has come, which is something as long as it goes on.
        Poll::Ready(match outcome {
            Ok(bytes) if bytes.is_empty() => Err(StoreError::FetchInterrupted),
            outcome => outcome,
        })
    }

    /// Ready when a part of the file is in memory.
    fn poll_cached(
        &mut self,
        part: &FilePart,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), StoreError>> {
        let Some(caching) = &mut self.caching else {
            ready!(self.pause.poll(context));
            if part.is_cached() {
                return Poll::Ready(Ok(()));
            }
            self.caching = Some(part.cache());
            return self.poll_cached(part, context);
        };
        let outcome = ready!(caching.as_mut().poll(context));
        self.caching = None;
        Poll::Ready(outcome)
    }

    /// Goes on behind what is handed out; after a failure, nowhere.
    fn settle<T>(
        &mut self,
        outcome: Result<T, StoreError>,
        length: impl Fn(&T) -> usize,
    ) -> Result<T, StoreError> {
        match &outcome {
            Ok(piece) => self.pass(length(piece)),
            Err(_) => self.segments.clear(),
        }
        outcome
    }

    fn pass(&mut self, length: usize) {
        self.pause.sent(length);
        let length = length as u64;
        self.left -= length;
        match self.segments.front_mut() {
            Some(Segment::Part(span)) if length < span.len => {
                span.start += length;
                span.len -= length;
            }
            _ => {
                self.segments.pop_front();
            }
        }
    }
}

impl FilePart {
    /// `length` bytes from `offset` on, all of them in the blob.
    pub(crate) fn new(blob: BlobReader, offset: u64, length: usize) -> Self {
        Self {
            blob,
            offset,
            length,
        }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Goes on behind its first bytes, which have been sent.
    pub(crate) fn advance(&mut self, count: usize) {
        self.offset += count as u64;
        self.length -= count;
    }

    /// Whether it still seems to be in memory.
    pub(crate) fn is_cached(&self) -> bool {
        self.blob.is_cached(self.offset, self.length as u64)
    }

    /// Has it brought into memory.
    pub(crate) fn cache(&self) -> Waiting<()> {
        let Self { offset, length, .. } = *self;
        let blob = self.blob.clone();
        Box::pin(async move { blob.cache(offset, length as u64).await })
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

impl Debug for Stream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("digest", &self.reader.digest())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
