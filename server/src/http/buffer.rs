//! Buffers that are used again.
//!
//! A new buffer has to be zeroed, and its memory fetched from the system and given back: for large
//! pieces that costs a good part of what reading them does. Invariant: what lies idle is bounded, so
//! that a process with nothing to do holds next to nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What may lie idle, all buffers together.
const IDLE: usize = 1024 * 1024;

/// Where buffers come from, and go when they are dropped. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Idle>>);

#[derive(Debug, Default)]
struct Idle {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// Memory for one piece. What it holds at first is anything.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    length: usize,
    home: Option<Buffers>,
}

impl Buffers {
    /// A buffer of `length` bytes, in one that others may use for up to `size`.
    pub(super) fn take(&self, length: usize, size: usize) -> Buffer {
        let idle = self.idle().take();
        let size = size.max(length);
        Buffer {
            // One much larger than what is needed would be more than this transfer's share.
            bytes: idle
                .filter(|bytes| (size..=2 * size).contains(&bytes.len()))
                .unwrap_or_else(|| vec![0; size]),
            length,
            home: Some(self.clone()),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn take(&mut self) -> Option<Vec<u8>> {
        let bytes = self.buffers.pop()?;
        self.bytes -= bytes.len();
        Some(bytes)
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        if self.bytes + bytes.len() <= IDLE {
            self.bytes += bytes.len();
            self.buffers.push(bytes);
        }
    }
}

impl Buffer {
    /// One of its own, for so little that a new one costs less than finding an old one.
    pub(super) fn new(length: usize) -> Self {
        Self {
            bytes: vec![0; length],
            length,
            home: None,
        }
    }

    /// Its first `length` bytes, of which it must have so many. The memory is used again when the last
    /// clone is gone.
    pub(crate) fn filled(mut self, length: usize) -> Bytes {
        debug_assert!(length <= self.length, "no more is read than there is room");
        self.length = length.min(self.length);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            let bytes = std::mem::take(&mut self.bytes);
            home.idle().keep(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(buffers: &Buffers) -> usize {
        let idle = buffers.idle();
        let bytes = idle.buffers.iter().map(Vec::len).sum();
        assert_eq!(idle.bytes, bytes);
        bytes
    }

    #[test]
    fn a_buffer_is_used_again_once_its_last_reader_is_gone() {
        let buffers = Buffers::default();
        let bytes = buffers.take(1000, 4096).filled(10);
        let place = bytes.as_ptr();
        let part = bytes.slice(5..);
        drop(bytes);
        assert_eq!(idle(&buffers), 0);
        drop(part);
        assert_eq!(idle(&buffers), 4096);
        assert_eq!(buffers.take(4000, 4096).as_ref().as_ptr(), place);
    }

    #[test]
    fn little_lies_idle_after_however_much_was_in_use() {
        let buffers = Buffers::default();
        let crowd: Vec<_> = (0..100).map(|_| buffers.take(1, IDLE / 4)).collect();
        drop(crowd);
        assert_eq!(idle(&buffers), IDLE);
    }

    #[test]
    fn a_small_share_gets_no_large_buffer() {
        let buffers = Buffers::default();
        drop(buffers.take(1, 65536));
        assert_eq!(buffers.take(1, 1024).bytes.len(), 1024);
        assert_eq!(idle(&buffers), 1024);
    }
}
