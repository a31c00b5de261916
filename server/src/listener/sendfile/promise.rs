//! What the answers of one connection have promised to send out of files, in the order of their marks.
//!
//! The mark is memory of its own, so that no other bytes can have its address. Invariant: what is passed
//! over as sent was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};

use crate::http::FilePart;

/// Shared by the answers of a connection and the stream below them.
#[derive(Debug, Default)]
pub(super) struct Promises {
    mark: [u8; 1],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: VecDeque<FilePart>,
    /// Bytes of files that were sent and that hyper has not passed over yet.
    sent: usize,
    /// hyper passed over what was not sent.
    is_broken: bool,
    /// The kernel sends no files of this kind.
    is_by_hand: bool,
    /// More of the present answer follows.
    has_more: bool,
}

/// A piece of an answer, as hyper sees it.
#[derive(Debug)]
pub(in crate::listener) struct Piece(Kind);

#[derive(Debug)]
enum Kind {
    /// Bytes at hand.
    Bytes(Bytes),
    /// The mark of a part of a file, of which so much is left to be sent.
    File(usize, Arc<Promises>),
}

impl Promises {
    /// Notes down what is to be sent in the mark's place.
    pub(super) fn make(self: &Arc<Self>, part: FilePart) -> Piece {
        let left = part.len();
        self.state().parts.push_back(part);
        Piece(Kind::File(left, Arc::clone(self)))
    }

    /// The part whose mark comes first.
    pub(super) fn next(&self) -> Option<FilePart> {
        self.state().parts.pop_front()
    }

    /// Whether these are no bytes but the mark.
    pub(super) fn is_mark(&self, bytes: &[u8]) -> bool {
        std::ptr::eq(bytes.as_ptr(), self.mark.as_ptr())
    }

    /// Notes that so much of a file was sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.state().sent += bytes;
    }

    fn pass_over(&self, bytes: usize) {
        let mut state = self.state();
        match state.sent.checked_sub(bytes) {
            Some(left) => state.sent = left,
            None => state.is_broken = true,
        }
    }

    /// Whether marks went another way than they should.
    pub(super) fn is_broken(&self) -> bool {
        self.state().is_broken
    }

    /// Notes that the kernel does not send files here: no more of them.
    pub(super) fn by_hand(&self) {
        self.state().is_by_hand = true;
    }

    /// Whether parts of files may not be promised any more.
    pub(super) fn is_by_hand(&self) -> bool {
        self.state().is_by_hand
    }

    /// Says whether more of the present answer follows, which may share a packet with what there is.
    pub(super) fn follow(&self, has_more: bool) {
        self.state().has_more = has_more;
    }

    /// What was said last.
    pub(super) fn has_more(&self) -> bool {
        self.state().has_more
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Bytes> for Piece {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match &self.0 {
            Kind::Bytes(bytes) => bytes.remaining(),
            Kind::File(left, _) => *left,
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.0 {
            Kind::Bytes(bytes) => bytes.chunk(),
            Kind::File(0, _) => &[],
            Kind::File(_, promises) => &promises.mark,
        }
    }

    fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Kind::Bytes(bytes) => bytes.advance(count),
            Kind::File(left, promises) => {
                *left -= count;
                promises.pass_over(count);
            }
        }
    }
}
