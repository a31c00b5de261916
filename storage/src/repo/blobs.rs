//! The blobs of a repository: which it may serve, and how it comes by another.
//!
//! Bytes are kept once for all repositories; what is a repository's own is its link to them. Knows no
//! manifests, but for asking which of them refers to a blob.

use bytes::Bytes;

use super::{Repo, Shared};
use crate::blob::BlobReader;
use crate::error::Error;
use crate::oci::{Descriptor, Digest, RepoName};
use crate::upload::Batch;

impl Repo {
    /// Opens a blob that this repository may serve.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn blob(&self, digest: Digest) -> Result<Option<BlobReader>, Error> {
        if let Some(blob) = self.cached_blob(digest) {
            return Ok(Some(blob));
        }
        self.run(move |files| {
            if files.shared.links.has(&files.name, digest)? {
                files.shared.blobs.open(digest)
            } else {
                Ok(None)
            }
        })
        .await
    }

    /// All of a blob that this repository may serve, if it has at most `limit` bytes and the kernel has it
    /// in memory. Does not wait; nothing says nothing about the blob.
    pub fn small_blob(&self, digest: Digest, limit: usize) -> Option<Bytes> {
        let blob = self.cached_blob(digest)?;
        let size = usize::try_from(blob.size()).ok()?;
        let mut buffer = vec![0; (size <= limit).then_some(size)?];
        let read = blob.read_cached(0, &mut buffer);
        (read == size).then(|| buffer.into())
    }

    /// A blob that this repository may serve, if the kernel knows of it without asking the disk.
    fn cached_blob(&self, digest: Digest) -> Option<BlobReader> {
        let Shared { links, blobs, .. } = &*self.0.shared;
        let is_linked = links.has_cached(self.name(), digest);
        is_linked.then(|| blobs.open_cached(digest)).flatten()
    }

    /// The size in bytes of a blob that this repository may serve.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn blob_size(&self, digest: Digest) -> Result<Option<u64>, Error> {
        self.run(move |files| {
            let Shared { links, blobs, .. } = &*files.shared;
            // Who hears that it is here need not push it, and may refer to it any moment.
            let _lease = blobs.leases().hold(digest);
            if links.has(&files.name, digest)? {
                blobs.promise(digest)
            } else {
                Ok(None)
            }
        })
        .await
    }

    /// Takes a small blob whole, without an upload, and serves it from now on. On disk when this returns.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::OverQuota`], and the file system's; then nothing is left of it.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn put_blob(&self, digest: Digest, content: Batch) -> Result<(), Error> {
        self.0.shared.blobs.space().counted().await?;
        self.run(move |files| {
            let bytes = content.into_bytes();
            let actual = Digest::of(digest.algorithm(), &bytes);
            if actual != digest {
                return Err(Error::digest_mismatch(digest, actual));
            }
            let Shared { links, blobs, .. } = &*files.shared;
            let _lease = blobs.leases().hold(digest);
            blobs.put(digest, &bytes)?;
            links.link(&files.name, digest)
        })
        .await
    }

    /// Serves from now on a blob that `from` may serve. False when it may not. On disk when this
    /// returns true.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn mount(&self, digest: Digest, from: &RepoName) -> Result<bool, Error> {
        let from = from.clone();
        self.run(move |files| {
            Ok(files.shared.links.has(&from, digest)? && files.link_confirmed(digest)?)
        })
        .await
    }

    /// Serves a blob no more. Whether it did; the bytes are left to collection.
    ///
    /// # Errors
    /// [`Error::DeleteDisabled`], and the file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn unlink_blob(&self, digest: Digest) -> Result<bool, Error> {
        self.may_delete()?;
        self.run(move |files| files.shared.links.unlink(&files.name, digest))
            .await
    }

    /// How a manifest from this repository's upstream refers to a blob, if one does; a manifest that was
    /// pushed does not count.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn referred_blob(&self, blob: Digest) -> Result<Option<Descriptor>, Error> {
        self.run(move |files| files.referred(blob)).await
    }

    /// Serves from now on a blob that is in the store, and that the caller has made sure this
    /// repository's upstream has too. False when it is not in the store. On disk when this returns true.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn link_confirmed(&self, blob: Digest) -> Result<bool, Error> {
        self.run(move |files| files.link_confirmed(blob)).await
    }
}
