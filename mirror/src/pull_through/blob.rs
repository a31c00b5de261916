//! Blobs that the store does not have in a repository.
//!
//! A blob is fetched once, whoever and however many want it, by a task that is nobody's.

use std::sync::Arc;

use roadstead_storage::oci::Digest;
use roadstead_storage::{BlobReader, Error as StoreError, Fetch, FetchReader, Repo};
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::{Place, PullThrough, cannot_be_kept, local};
use crate::copy::BlobCopy;
use crate::error::Error;
use crate::note::{Cause, How, Note, What};
use crate::passing::Passing;

/// A blob that was asked for.
#[derive(Debug)]
pub enum Blob {
    /// On its way into the store.
    Arriving(FetchReader),
    /// In the store.
    Held(BlobReader),
    /// On its way past the store, which has no room for it.
    Passing(Box<Passing>),
}

impl PullThrough {
    /// A blob that the store does not have in this repository.
    ///
    /// # Errors
    /// [`Error::NotFound`], and whatever keeps the upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn blob(self: &Arc<Self>, place: &Place, digest: Digest) -> Result<Blob, Arc<Error>> {
        let given = self.blob_because(place, digest, Cause::Miss).await;
        if given.is_err() {
            self.tell_served(What::Blob, How::Failed);
        }
        given
    }

    /// Has a blob fetched that was lost here.
    ///
    /// # Errors
    /// As [`PullThrough::blob`].
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn repair_blob(&self, place: &Place, digest: Digest) -> Result<(), Arc<Error>> {
        let fetched = self.blob_because(place, digest, Cause::Repair).await;
        fetched.map(drop)
    }

    pub(super) async fn blob_because(
        &self,
        place: &Place,
        digest: Digest,
        cause: Cause,
    ) -> Result<Blob, Arc<Error>> {
        let repo = self.store.repo(&place.local);
        let referred = repo.referred_blob(digest).await.map_err(local)?;
        let size = referred.map(|descriptor| descriptor.size);
        let mut kept = self.keep_blob(place, digest, size, cause).await;
        if let Err(error) = &kept
            && self.makes_room(error).await
        {
            kept = self.keep_blob(place, digest, size, cause).await;
        }
        match kept {
            Err(error) if cannot_be_kept(&error) && cause == Cause::Miss => {
                warn!(upstream = self.client.name(), repo = %place.local, %digest, %error,
                    "Giving a blob that cannot be kept");
                self.past(place, digest, size).await
            }
            kept => kept,
        }
    }

    async fn keep_blob(
        &self,
        place: &Place,
        digest: Digest,
        size: Option<u64>,
        cause: Cause,
    ) -> Result<Blob, Arc<Error>> {
        let repo = self.store.repo(&place.local);
        match self.store.fetch(digest).await.map_err(local)? {
            Fetch::Begun(writer) => {
                let reader = writer.reader();
                let (tell, told) = oneshot::channel();
                let copy = BlobCopy {
                    client: self.client.because(cause),
                    from: place.remote.clone(),
                    to: place.local.clone(),
                    size,
                };
                info!(upstream = self.client.name(), repo = %place.local, %digest, ?cause,
                    offset = writer.offset(), "Asking the upstream for a blob that is not here");
                self.spawn
                    .spawn(copy.run(writer, move |contact| drop(tell.send(contact))));
                match told.await {
                    Ok(Ok(())) => {
                        self.tell_served(What::Blob, How::Miss);
                        Ok(Blob::Arriving(reader))
                    }
                    Ok(Err(error)) => Err(Arc::new(error)),
                    Err(_) => Err(local(StoreError::FetchInterrupted)),
                }
            }
            Fetch::Held => {
                if size.is_none() {
                    self.confirm(place, digest).await?;
                }
                repo.link_confirmed(digest).await.map_err(local)?;
                let held = repo.blob(digest).await.map_err(local)?;
                debug!(repo = %place.local, %digest, "Found a blob in another repository");
                // Collected since: then it is not there any more.
                let held = held.ok_or_else(|| local(StoreError::FetchInterrupted))?;
                self.was_here(What::Blob, held.size());
                Ok(Blob::Held(held))
            }
            Fetch::Joined(reader) => {
                if size.is_none() {
                    self.confirm(place, digest).await?;
                }
                self.tell_served(What::Blob, How::Joined);
                if let Some(bytes) = size {
                    self.client.notes().tell(Note::Saved { bytes });
                }
                self.link_when_done(repo, reader.clone());
                Ok(Blob::Arriving(reader))
            }
        }
    }

    /// A blob that is given past the store.
    async fn past(
        &self,
        place: &Place,
        digest: Digest,
        size: Option<u64>,
    ) -> Result<Blob, Arc<Error>> {
        let client = self.client.because(Cause::Miss);
        let opened = Box::pin(Passing::open(client, place.remote.clone(), digest, size));
        let passing = Box::new(opened.await?);
        self.tell_served(What::Blob, How::Miss);
        Ok(Blob::Passing(passing))
    }

    /// Makes sure that the upstream has a blob in this repository, where nothing here says so.
    async fn confirm(&self, place: &Place, digest: Digest) -> Result<(), Arc<Error>> {
        let key = (place.local.clone(), digest);
        let work = || {
            let client = self.client.because(Cause::Confirmation);
            let remote = place.remote.clone();
            async move { client.confirm_blob(&remote, digest).await.map_err(Arc::new) }
        };
        let confirmed = self.confirmations.join(&self.spawn, key, work).await;
        confirmed.unwrap_or_else(|| Err(local(StoreError::FetchInterrupted)))
    }

    /// Has a repository hold what another one's fetch brings.
    fn link_when_done(&self, repo: Repo, mut reader: FetchReader) {
        self.spawn.spawn(async move {
            if reader.done().await.is_ok()
                && let Err(error) = repo.link_confirmed(reader.digest()).await
            {
                warn!(repo = %repo.name(), digest = %reader.digest(), %error,
                    "Could not link a blob that another repository fetched");
            }
        });
    }
}
