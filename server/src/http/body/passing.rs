//! A blob, or a part of it, that goes straight from an upstream to the client.
//!
//! It can be read once, from its beginning: what lies before the part is read and passed over.
//! Invariant: as of [`super::Body`].

use std::fmt::{self, Debug, Formatter};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use roadstead_mirror::{Error as UpstreamError, Passing as Blob};
use roadstead_storage::Error as StoreError;
use tracing::warn;

use crate::http::range::Span;
use crate::report::chain;

/// What comes of reading once, and the blob to go on with.
type Read = (Box<Blob>, Result<Option<Bytes>, UpstreamError>);

/// What is still to come of a blob.
pub(crate) struct Passing {
    /// `None` after the end.
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
    skip: u64,
    /// How many bytes are wanted, where the upstream says how many there are.
    pub(super) left: Option<u64>,
}

impl Passing {
    /// This part of a blob; all of it where nothing is said.
    pub(super) fn new(blob: Box<Blob>, part: Option<Span>) -> Self {
        Self {
            skip: part.map_or(0, |part| part.start),
            left: part.map(|part| part.len).or(blob.size()),
            reading: Some(Box::pin(read(blob))),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.reading.is_none() || self.left == Some(0)
    }

    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, StoreError>>> {
        while let Some(reading) = &mut self.reading
            && self.left != Some(0)
        {
            let (blob, read_bytes) = ready!(reading.as_mut().poll(context));
            self.reading = None;
            match read_bytes {
                Ok(Some(bytes)) => {
                    self.reading = Some(Box::pin(read(blob)));
                    let wanted = self.cut(bytes);
                    if !wanted.is_empty() {
                        return Poll::Ready(Some(Ok(wanted)));
                    }
                }
                Ok(None) if self.left.is_none() => return Poll::Ready(None),
                Ok(None) => return Poll::Ready(Some(Err(StoreError::FetchInterrupted))),
                Err(error) => {
                    warn!(digest = %blob.digest(), error = %chain(&error), "Cut off what could not be kept");
                    return Poll::Ready(Some(Err(StoreError::FetchInterrupted)));
                }
            }
        }
        Poll::Ready(None)
    }

    /// What of these bytes is wanted.
    fn cut(&mut self, mut bytes: Bytes) -> Bytes {
        let passed = self.skip.min(bytes.len() as u64);
        self.skip -= passed;
        bytes.advance(usize::try_from(passed).expect("no more than it has"));
        if let Some(left) = &mut self.left {
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            bytes.truncate(most);
            *left -= bytes.len() as u64;
        }
        bytes
    }
}

impl Debug for Passing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passing")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

async fn read(mut blob: Box<Blob>) -> Read {
    let next = blob.next().await;
    (blob, next)
}
