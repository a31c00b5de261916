//! Reads: blobs and manifests, from the store, or from an upstream on their way into it.

use std::sync::Arc;

use bytes::Bytes;
use roadstead_mirror::{Blob, Error as UpstreamError, Given, What};
use roadstead_storage::oci::{Digest, Reference};
use roadstead_storage::{AtHand, Error as StoreError, Repo};

use super::{Content, Described, Error, Found, Registry, blob_unknown, manifest_unknown};
use crate::auth::grant::{Grant, Pull};

impl Registry {
    /// Opens a blob.
    ///
    /// # Errors
    /// When it is not in this repository, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn blob(&self, grant: &Grant<Pull>, digest: Digest) -> Result<Content, Error> {
        let repo = self.store.repo(grant.repo());
        let filler = self.filler(grant);
        if let Some(blob) = repo.blob(digest).await? {
            if let Some((upstream, _)) = filler {
                upstream.was_here(What::Blob, blob.size());
            }
            return Ok(Content::Held(blob));
        }
        let Some((upstream, place)) = filler else {
            return Err(blob_unknown(&repo, digest).await?);
        };
        match upstream.blob(&place, digest).await {
            Ok(Blob::Held(blob)) => Ok(Content::Held(blob)),
            Ok(Blob::Arriving(reader)) => Ok(Content::Arriving(reader)),
            Ok(Blob::Passing(blob)) => Ok(Content::Passing(blob)),
            Err(error) if error.is_not_found() => Err(blob_unknown(&repo, digest).await?),
            Err(source) => Err(Error::Upstream { source }),
        }
    }

    /// All of a blob that has at most `limit` bytes, if it can be given without waiting.
    pub(crate) fn small_blob(
        &self,
        grant: &Grant<Pull>,
        digest: Digest,
        limit: usize,
    ) -> Option<Bytes> {
        let blob = self.store.repo(grant.repo()).small_blob(digest, limit)?;
        if let Some((upstream, _)) = self.filler(grant) {
            upstream.was_here(What::Blob, blob.len() as u64);
        }
        Some(blob)
    }

    /// The size of a blob in bytes.
    ///
    /// # Errors
    /// As [`Registry::blob`].
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn blob_size(
        &self,
        grant: &Grant<Pull>,
        digest: Digest,
    ) -> Result<u64, Error> {
        let repo = self.store.repo(grant.repo());
        if let Some(size) = repo.blob_size(digest).await? {
            return Ok(size);
        }
        match self.blob(grant, digest).await? {
            Content::Held(blob) => Ok(blob.size()),
            Content::Arriving(mut reader) => Ok(reader.size().await?),
            // The upstream says neither here nor in a manifest how large it is.
            Content::Passing(blob) => Ok(blob.size().ok_or(StoreError::FetchInterrupted)?),
        }
    }

    /// A manifest that can be given without waiting. What a tag of an upstream names is not among those:
    /// it has to be known how fresh that is.
    pub(crate) fn at_hand(&self, grant: &Grant<Pull>, reference: &Reference) -> Option<AtHand> {
        let filler = self.filler(grant);
        if filler.is_some() && matches!(reference, Reference::Tag(_)) {
            return None;
        }
        let at_hand = self.store.at_hand(grant.repo(), reference)?;
        if let Some((upstream, _)) = filler {
            upstream.was_here(What::Manifest, at_hand.stored().bytes.len() as u64);
        }
        Some(at_hand)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is not in this repository, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn manifest(
        &self,
        grant: &Grant<Pull>,
        reference: &Reference,
    ) -> Result<Found, Error> {
        let repo = self.store.repo(grant.repo());
        let filler = self.filler(grant);
        if let (Some((upstream, place)), Reference::Tag(tag)) = (&filler, reference) {
            // It knows whether what is held is still good.
            let given = upstream.tag(place, tag).await;
            return self.given(&repo, reference, given).await;
        }
        if let Some(stored) = repo.manifest(reference).await? {
            if let Some((upstream, _)) = filler {
                upstream.was_here(What::Manifest, stored.bytes.len() as u64);
            }
            return Ok(Found {
                stored,
                stale: None,
            });
        }
        match (filler, reference) {
            (Some((upstream, place)), Reference::Digest(digest)) => {
                let given = upstream.manifest(&place, *digest).await;
                self.given(&repo, reference, given).await
            }
            _ => Err(manifest_unknown(&repo, reference).await?),
        }
    }

    async fn given(
        &self,
        repo: &Repo,
        reference: &Reference,
        given: Result<Given, Arc<UpstreamError>>,
    ) -> Result<Found, Error> {
        match given {
            Ok(Given { stored, stale }) => Ok(Found { stored, stale }),
            Err(error) if error.is_not_found() => Err(manifest_unknown(repo, reference).await?),
            Err(source) => Err(Error::Upstream { source }),
        }
    }

    /// What is known of a manifest without reading it.
    ///
    /// # Errors
    /// As [`Registry::manifest`].
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn describe_manifest(
        &self,
        grant: &Grant<Pull>,
        reference: &Reference,
    ) -> Result<Described, Error> {
        let repo = self.store.repo(grant.repo());
        let is_followed = matches!(reference, Reference::Tag(_)) && self.filler(grant).is_some();
        if !is_followed && let Some(record) = repo.announce(reference).await? {
            return Ok(Described {
                digest: record.digest,
                media_type: record.media_type,
                size: record.size,
                stale: None,
            });
        }
        let Found { stored, stale } = self.manifest(grant, reference).await?;
        Ok(Described {
            digest: stored.digest,
            media_type: stored.media_type,
            size: stored.bytes.len() as u64,
            stale,
        })
    }
}
