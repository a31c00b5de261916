//! An upload as its request holds it: takes a batch while the one before is written.
//!
//! Waits where [`Session`] blocks, and sees to it that a session is put to rest whatever becomes of the
//! request.

use tokio::task::JoinHandle;

use super::batch::Batch;
use super::id::UploadId;
use super::session::Session;
use crate::error::Error;
use crate::oci::Digest;
use crate::pool::blocking;

/// A session in the hands of one request.
///
/// Dropping it keeps what has arrived, as [`suspend`](Self::suspend) does.
#[derive(Debug)]
pub struct Upload {
    id: UploadId,
    offset: u64,
    at: At,
}

/// Where the session is.
#[derive(Debug)]
enum At {
    Rest(Box<Session>),
    /// A batch is being written. A failed one leaves the session as it was before, or, when there
    /// was no room, takes it away.
    Work(JoinHandle<(Box<Session>, Result<(), Error>)>),
    Gone,
}

impl Upload {
    pub(super) fn new(id: UploadId, session: Session) -> Self {
        Self {
            id,
            offset: session.offset,
            at: At::Rest(Box::new(session)),
        }
    }

    /// Its name.
    pub fn id(&self) -> UploadId {
        self.id
    }

    /// How many bytes have been taken.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next bytes. They are written while the caller goes on; at most one batch is under way,
    /// and its failure is told at the next call.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::OverQuota`] take the session away, so that its space is free again.
    /// Any other error leaves it as it was before the bytes that failed.
    ///
    /// # Cancel safety
    /// After a dropped call the session can only be dropped or asked again; no byte is taken twice.
    pub async fn append(&mut self, batch: impl Into<Batch>) -> Result<(), Error> {
        let batch = batch.into();
        let mut session = self.rest().await?;
        self.offset += batch.len() as u64;
        self.at = At::Work(tokio::task::spawn_blocking(move || {
            let appended = session.append(&batch);
            (session, appended)
        }));
        Ok(())
    }

    /// Ends the request and keeps the session: what was taken survives a restart of the process. How
    /// many bytes it has.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// The session is kept either way.
    pub async fn suspend(mut self) -> Result<u64, Error> {
        let mut session = self.rest().await?;
        blocking(move || session.save().map(|()| session.offset)).await
    }

    /// Takes back everything beyond the first `length` bytes, as when a chunk turns out to be shorter
    /// than announced.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// After a dropped call the session can only be dropped; it has then `length` bytes or all.
    pub async fn truncate(&mut self, length: u64) -> Result<(), Error> {
        let mut session = self.rest().await?;
        let (session, truncated) = blocking(move || {
            let truncated = session.truncate(length);
            (session, truncated)
        })
        .await;
        self.offset = session.offset;
        self.at = At::Rest(session);
        truncated
    }

    /// Ends the session: its bytes become the blob `expected`, which its repository holds from then on.
    /// All of that is on disk when this returns. How many bytes it has.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::Full`] and [`Error::OverQuota`] take the session away; after
    /// any other error it is kept.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end, even when the future is dropped.
    pub async fn commit(mut self, expected: Digest) -> Result<u64, Error> {
        let session = self.rest().await?;
        blocking(move || session.commit(expected)).await
    }

    /// Gives the session up.
    ///
    /// # Errors
    /// None at present; what cannot be removed is left to collection.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn cancel(mut self) -> Result<(), Error> {
        let session = self.rest().await?;
        blocking(move || session.remove()).await;
        Ok(())
    }

    /// Waits for the batch under way.
    async fn rest(&mut self) -> Result<Box<Session>, Error> {
        let failed = match &mut self.at {
            At::Rest(_) => Ok(()),
            At::Work(work) => {
                let (session, appended) = work.await.expect("a batch of an upload does not panic");
                self.offset = session.offset;
                self.at = if appended.as_ref().is_err_and(Error::is_for_want_of_room) {
                    blocking(move || session.remove()).await;
                    At::Gone
                } else {
                    At::Rest(session)
                };
                appended
            }
            At::Gone => Err(Error::UploadUnknown),
        };
        failed?;
        match std::mem::replace(&mut self.at, At::Gone) {
            At::Rest(session) => Ok(session),
            At::Work(_) | At::Gone => Err(Error::UploadUnknown),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Saving writes to disk, and this may be one of the runtime's workers.
        if let At::Rest(session) = std::mem::replace(&mut self.at, At::Gone)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(session));
        }
    }
}
