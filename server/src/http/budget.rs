//! How much memory the transfers in progress may use together.
//!
//! One transfer moves in pieces; the more there are, the smaller each one's pieces become, so that
//! many large transfers cost as much memory as a few. Knows nothing of what is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::buffer::{Buffer, Buffers};

/// What all pieces together should stay under. Each transfer has one in hand and one underway.
const TOTAL: usize = 8 * 1024 * 1024;
/// The largest piece: what comes is written and hashed by other threads, and each hand-over costs as much
/// as hashing some ten kilobytes.
const LARGEST: usize = 1024 * 1024;
/// The largest piece that is read: it shall still be in the processor's cache when it is encrypted, also
/// with many beside it.
const LARGEST_READ: usize = 64 * 1024;
/// The smallest: below it a piece costs more to schedule than to move.
pub(crate) const SMALLEST: usize = 16 * 1024;

/// The budget of all transfers; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Arc<Shared>);

/// The part of one transfer, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    transfers: AtomicUsize,
    buffers: Buffers,
}

impl Budget {
    /// Nothing underway yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Counts a transfer in.
    pub(crate) fn share(&self) -> Share {
        self.0.transfers.fetch_add(1, Ordering::Relaxed);
        Share(Arc::clone(&self.0))
    }
}

impl Share {
    /// How many bytes the next piece may have.
    pub(crate) fn piece(&self) -> usize {
        let transfers = self.0.transfers.load(Ordering::Relaxed).max(1);
        (TOTAL / (2 * transfers)).clamp(SMALLEST, LARGEST)
    }

    /// Memory for the next piece of what is still `wanted`.
    pub(crate) fn buffer(&self, wanted: u64) -> Buffer {
        let piece = self.piece().min(LARGEST_READ);
        match usize::try_from(wanted) {
            Ok(wanted) if wanted <= SMALLEST => Buffer::new(wanted),
            Ok(wanted) if wanted < piece => self.0.buffers.take(wanted, piece),
            _ => self.0.buffers.take(piece, piece),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.transfers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_shrink_as_transfers_join_and_grow_back_when_they_leave() {
        let budget = Budget::new();
        let one = budget.share();
        assert_eq!(one.piece(), LARGEST);
        let others: Vec<_> = (0..127).map(|_| budget.share()).collect();
        assert_eq!(one.piece(), TOTAL / 256);
        let crowd: Vec<_> = (0..10_000).map(|_| budget.share()).collect();
        assert_eq!(one.piece(), SMALLEST);
        drop((others, crowd));
        assert_eq!(one.piece(), LARGEST);
    }

    #[test]
    fn a_buffer_holds_what_is_wanted_and_no_more_than_a_piece() {
        let one = Budget::new().share();
        for (wanted, length) in [
            (1, 1),
            (SMALLEST + 1, SMALLEST + 1),
            (LARGEST_READ, LARGEST_READ),
            (LARGEST_READ + 1, LARGEST_READ),
        ] {
            assert_eq!(one.buffer(wanted as u64).as_ref().len(), length);
        }
        assert_eq!(one.buffer(u64::MAX).as_ref().len(), LARGEST_READ);
    }
}
