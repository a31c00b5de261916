//! Why something could not be done with the caller's files.
//!
//! Invariant: what the caller's file system said is told as it said it, and that it was the caller's.

use std::io;

use thiserror::Error;

/// Why something could not be done with the caller's files.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The caller's process answered something else than it was asked.
    #[error("understand what the command says of its files")]
    Garbled,
    /// There is nobody any more who could do it.
    #[error("reach the command that the files belong to")]
    Gone,
    /// The caller's file system refused.
    #[error("{attempt}, as whoever gave the command")]
    Refused {
        /// What was attempted.
        attempt: String,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    /// What kind of failure it is.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Garbled => io::ErrorKind::InvalidData,
            Self::Gone => io::ErrorKind::BrokenPipe,
            Self::Refused { source, .. } => source.kind(),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}
