//! What the answers of one connection have promised to send out of files, in the order of their marks.
//!
//! The mark is memory of its own, so that no other bytes can have its address. Invariant: what is passed
//! over as sent was sent.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};

use crate::http::FilePart;

/// Shared by the answers of a connection and the stream below them.
///
/// One task has all of it, so that nothing in it is ever waited for; it is shared by reference only.
#[derive(Debug, Default)]
pub(super) struct Promises {
    mark: [u8; 1],
    parts: Mutex<VecDeque<FilePart>>,
    /// Bytes of files that were sent and that hyper has not passed over yet.
    sent: AtomicUsize,
    /// hyper passed over what was not sent.
    is_broken: AtomicBool,
    /// The kernel sends no files of this kind.
    is_by_hand: AtomicBool,
    /// More of the present answer follows.
    has_more: AtomicBool,
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
        self.parts().push_back(part);
        Piece(Kind::File(left, Arc::clone(self)))
    }

    /// The part whose mark comes first.
    pub(super) fn next(&self) -> Option<FilePart> {
        self.parts().pop_front()
    }

    /// Whether these are no bytes but the mark.
    pub(super) fn is_mark(&self, bytes: &[u8]) -> bool {
        std::ptr::eq(bytes.as_ptr(), self.mark.as_ptr())
    }

    /// Notes that so much of a file was sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes, Relaxed);
    }

    fn pass_over(&self, bytes: usize) {
        let left = |sent: usize| sent.checked_sub(bytes);
        if self.sent.fetch_update(Relaxed, Relaxed, left).is_err() {
            self.is_broken.store(true, Relaxed);
        }
    }

    /// Whether marks went another way than they should.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Relaxed)
    }

    /// Notes that the kernel does not send files here: no more of them.
    pub(super) fn by_hand(&self) {
        self.is_by_hand.store(true, Relaxed);
    }

    /// Whether parts of files may not be promised any more.
    pub(super) fn is_by_hand(&self) -> bool {
        self.is_by_hand.load(Relaxed)
    }

    /// Says whether more of the present answer follows, which may share a packet with what there is.
    pub(super) fn follow(&self, has_more: bool) {
        self.has_more.store(has_more, Relaxed);
    }

    /// What was said last.
    pub(super) fn has_more(&self) -> bool {
        self.has_more.load(Relaxed)
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<FilePart>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
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
