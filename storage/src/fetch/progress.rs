//! How far a fetch has come, as its writer tells its readers.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

use tokio::sync::watch;

use crate::error::Error;

/// Why a fetch ended without its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its writer gave up, or the disk failed it.
    Interrupted,
    /// What came was something else.
    Mismatch,
}

/// What is known at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    /// How many bytes may be read.
    pub(super) readable: u64,
    /// How many there will be, once that is known.
    pub(super) size: Option<u64>,
    /// How it ended.
    pub(super) ended: Option<Result<(), Ended>>,
}

/// One fetch, shared by its writer and its readers.
#[derive(Debug)]
pub(super) struct Progress {
    state: watch::Sender<State>,
    /// Set before anything is readable. It stays readable when the file gets another name.
    file: OnceLock<(File, PathBuf)>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            file: OnceLock::new(),
        }
    }
}

impl Progress {
    /// The file that the bytes are in.
    pub(super) fn set_file(&self, file: File, path: PathBuf) {
        // A place is used by one session, which does this once.
        let _ = self.file.set((file, path));
    }

    pub(super) fn file(&self) -> Option<&(File, PathBuf)> {
        self.file.get()
    }

    /// So many bytes have come, of which the last is kept back, and of the blob that was announced the
    /// last one, too: what came may be more than that.
    pub(super) fn came(&self, offset: u64) {
        self.state.send_if_modified(|state| {
            let readable = offset.min(state.size.unwrap_or(u64::MAX)).saturating_sub(1);
            let is_more = readable > state.readable;
            state.readable = state.readable.max(readable);
            is_more
        });
    }

    /// So many bytes will have come in the end.
    pub(super) fn announce(&self, size: u64) {
        self.state.send_modify(|state| {
            state.size = Some(size);
            state.readable = state.readable.min(size.saturating_sub(1));
        });
    }

    /// All bytes are there and right.
    pub(super) fn complete(&self, size: u64) {
        self.state.send_modify(|state| {
            *state = State {
                readable: size,
                size: Some(size),
                ended: Some(Ok(())),
            };
        });
    }

    /// It is over without its blob. What was said first counts.
    pub(super) fn end(&self, why: Ended) {
        self.state.send_if_modified(|state| {
            let is_first = state.ended.is_none();
            state.ended.get_or_insert(Err(why));
            is_first
        });
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Interrupted => Self::FetchInterrupted,
            Ended::Mismatch => Self::FetchedOther,
        }
    }
}
