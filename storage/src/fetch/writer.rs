//! A fetch as its one writer holds it. Waits where [`Session`] blocks.

use std::sync::Arc;

use bytes::Bytes;

use super::progress::Ended;
use super::reader::FetchReader;
use super::session::Session;
use crate::error::Error;
use crate::oci::{Digest, RepoName};
use crate::pool::blocking;

/// A fetch in the hands of who brings its bytes.
///
/// Dropping it ends the fetch: its readers are told, and the next one goes on where it stopped.
#[derive(Debug)]
pub struct FetchWriter {
    digest: Digest,
    offset: u64,
    /// `None` while, or after, a step that was dropped in its midst.
    session: Option<Box<Session>>,
    reader: FetchReader,
}

impl FetchWriter {
    pub(super) fn new(session: Session) -> Self {
        let digest = session.place.digest;
        Self {
            digest,
            offset: session.offset,
            reader: FetchReader::new(digest, Arc::clone(&session.place.progress)),
            session: Some(Box::new(session)),
        }
    }

    /// What is being fetched.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes have come, and so from where on the rest is wanted.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads along.
    pub fn reader(&self) -> FetchReader {
        self.reader.clone()
    }

    /// Tells the readers how large the blob will be, in bytes.
    pub fn announce(&self, size: u64) {
        if let Some(session) = &self.session {
            session.place.progress.announce(size);
        }
    }

    /// Keeps room for the whole blob, which will have `size` bytes, so that it does not end for want of
    /// room half way. What is not used is free again when this is dropped.
    ///
    /// # Errors
    /// [`Error::OverQuota`] when there is no room for it; the fetch stays as it was before.
    ///
    /// # Cancel safety
    /// As of [`FetchWriter::append`].
    pub async fn reserve(&mut self, size: u64) -> Result<(), Error> {
        self.step(move |session| session.reserve(size)).await
    }

    /// Takes the next bytes; they are readable when this returns.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::OverQuota`] and the file system's; the fetch stays as it was before.
    ///
    /// # Cancel safety
    /// Dropped in its midst, the bytes may be taken or not, and the fetch can only be dropped.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        let offset = self
            .step(move |session| {
                session.append(&bytes)?;
                Ok(session.offset)
            })
            .await?;
        self.offset = offset;
        Ok(())
    }

    /// Ends the fetch: its bytes become the blob, which `repository` holds from then on. All of that is
    /// on disk, and readable to the end, when this returns. How many bytes it has.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] takes what has come away; after any other error it is kept.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end, even when the future is dropped.
    pub async fn commit(mut self, repository: &RepoName) -> Result<u64, Error> {
        let session = self.session.take().ok_or(Error::FetchInterrupted)?;
        let repository = repository.clone();
        blocking(move || session.commit(&repository)).await
    }

    /// Gives the fetch up, and what has come of it: it is not what was wanted.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn discard(mut self) {
        if let Some(session) = self.session.take() {
            blocking(move || session.discard(Ended::Mismatch)).await;
        }
    }

    /// Has the session do something where it may block.
    async fn step<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mut session = self.session.take().ok_or(Error::FetchInterrupted)?;
        let (session, done) = blocking(move || {
            let done = work(&mut session);
            (session, done)
        })
        .await;
        self.session = Some(session);
        done
    }
}
