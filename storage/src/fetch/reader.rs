//! Reads a blob that is still being fetched.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::progress::{Progress, State};
use crate::blob::read_at;
use crate::error::Error;
use crate::oci::Digest;
use crate::pool::blocking;

/// A blob on its way into the store. Cheap to clone; each clone reads for itself.
#[derive(Debug, Clone)]
pub struct FetchReader {
    digest: Digest,
    progress: Arc<Progress>,
    state: watch::Receiver<State>,
}

impl FetchReader {
    pub(super) fn new(digest: Digest, progress: Arc<Progress>) -> Self {
        Self {
            digest,
            state: progress.watch(),
            progress,
        }
    }

    /// What is being fetched.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How large the blob is, in bytes; waits until the upstream has said so, or all of it is there.
    ///
    /// # Errors
    /// [`Error::FetchInterrupted`] and [`Error::FetchedOther`], as the fetch may end.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn size(&mut self) -> Result<u64, Error> {
        let state = self.wait(|state| state.size.is_some()).await?;
        state.size.ok_or(Error::FetchInterrupted)
    }

    /// Reads up to `length` bytes from `offset` on: what has come, as soon as there is any. Nothing at the
    /// end of the blob.
    ///
    /// # Errors
    /// [`Error::FetchInterrupted`] and [`Error::FetchedOther`], as the fetch may end, and the file
    /// system's.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn read(&mut self, offset: u64, length: usize) -> Result<Bytes, Error> {
        let state = self.wait(|state| state.readable > offset).await?;
        let there = usize::try_from(state.readable.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = length.min(there);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let progress = Arc::clone(&self.progress);
        blocking(move || {
            let (file, path) = progress
                .file()
                .expect("nothing is readable before there is a file");
            read_at(file, path, offset, length)
        })
        .await
    }

    /// Waits until all of the blob is in the store.
    ///
    /// # Errors
    /// As [`FetchReader::size`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn done(&mut self) -> Result<(), Error> {
        self.wait(|_| false).await.map(drop)
    }

    /// Waits until something is so, or the fetch has its end.
    async fn wait(&mut self, is_so: impl Fn(&State) -> bool) -> Result<State, Error> {
        let waited = self
            .state
            .wait_for(|state| state.ended.is_some() || is_so(state))
            .await;
        let state = *waited.expect("the reader itself keeps the sender");
        match state.ended {
            // What was readable stays so, whatever became of the rest.
            Some(Err(ended)) if !is_so(&state) => Err(ended.into()),
            _ => Ok(state),
        }
    }
}
