//! Reads a blob that is still being fetched.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::progress::{Progress, State};
use crate::blob::fill;
use crate::cached;
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
    /// As of [`Self::read_into`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn read(&mut self, offset: u64, length: usize) -> Result<Bytes, Error> {
        let (mut bytes, read) = self.read_into(offset, vec![0; length]).await?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    /// Reads from `offset` on into the front of `buffer`: what has come, as soon as there is any; how
    /// much that was. Nothing at the end of the blob.
    ///
    /// # Errors
    /// [`Error::FetchInterrupted`] and [`Error::FetchedOther`], as the fetch may end, and the file
    /// system's.
    ///
    /// # Cancel safety
    /// The buffer is lost.
    pub async fn read_into<B>(&mut self, offset: u64, mut buffer: B) -> Result<(B, usize), Error>
    where
        B: AsMut<[u8]> + Send + 'static,
    {
        let state = self.wait(|state| state.readable > offset).await?;
        let length = there(&state, offset, buffer.as_mut().len());
        if length == 0 {
            return Ok((buffer, 0));
        }
        // What has just come is in memory.
        let read = self.read_cached(offset, buffer.as_mut());
        if read > 0 {
            return Ok((buffer, read));
        }
        let progress = Arc::clone(&self.progress);
        blocking(move || {
            let (file, path) = file(&progress);
            fill(file, path, offset, &mut buffer.as_mut()[..length])?;
            Ok((buffer, length))
        })
        .await
    }

    /// Reads what has come and is in memory from `offset` on into the front of `buffer`, and does not
    /// wait. How much that was; nothing says nothing about the blob.
    pub fn read_cached(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let length = there(&self.state.borrow(), offset, buffer.len());
        if length == 0 {
            return 0;
        }
        let (file, _) = file(&self.progress);
        cached::read(file, offset, &mut buffer[..length])
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

/// How many of `wanted` bytes from `offset` on may be read.
fn there(state: &State, offset: u64, wanted: usize) -> usize {
    let there = state.readable.saturating_sub(offset);
    usize::try_from(there).map_or(wanted, |there| there.min(wanted))
}

/// The file of a fetch of which something is readable.
fn file(progress: &Progress) -> &(File, PathBuf) {
    progress
        .file()
        .expect("nothing is readable before there is a file")
}
