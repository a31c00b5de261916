//! The body of an answer on a connection that sends files.
//!
//! Knows which of it may leave as a part of a file only by asking the answer. Invariant: every part that
//! is promised is handed to hyper in the same order.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use roadstead_storage::Error as StoreError;

use super::promise::{Piece, Promises};
use crate::http::Observed;

/// Puts files into the answers of one connection. Clones share it.
#[derive(Clone, Debug)]
pub(in crate::listener) struct Files(Arc<Promises>);

/// An answer with files in it.
#[derive(Debug)]
pub(in crate::listener) struct Answer {
    body: Observed,
    promises: Arc<Promises>,
}

impl Files {
    pub(super) fn new(promises: Arc<Promises>) -> Self {
        Self(promises)
    }

    /// The same answer, of which whatever lies in a file is sent from there.
    pub(in crate::listener) fn fill(&self, body: Observed) -> Answer {
        Answer {
            body,
            promises: Arc::clone(&self.0),
        }
    }
}

impl Answer {
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, StoreError>>> {
        if !self.promises.is_by_hand()
            && let Some(part) = ready!(self.body.poll_file(context))
        {
            let promised = part.map(|part| Frame::data(self.promises.make(part)));
            return Poll::Ready(Some(promised));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(Piece::from))))
    }
}

impl Body for Answer {
    type Data = Piece;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, StoreError>>> {
        let piece = ready!(self.poll_piece(context));
        self.promises.follow(!self.body.is_end_stream());
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
