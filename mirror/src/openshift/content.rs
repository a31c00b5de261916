//! Where the parts of an image come from: a repository of the store, or of another registry.
//!
//! Owns that every byte is hashed on its way. Knows nothing of what stands in the parts. Invariant: a
//! part that was read to its end and not refused is what its digest says.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use roadstead_storage::oci::{Descriptor, Digest, Hasher, Manifest, Reference, RepoName};
use roadstead_storage::{BlobReader, Repo};
use tokio::time::sleep;

use super::error::ReadError;
use crate::client::{BlobStream, Client, Patience, backoff};
use crate::error::{Error, Retry};

/// The largest configuration of an image that is read, in bytes.
const MAX_CONFIG: u64 = 4 * 1024 * 1024;
/// How much of a held blob is read at a time, in bytes.
const PIECE: usize = 256 * 1024;
/// How often in a row reading may break off without a byte before it is given up.
const ATTEMPTS: u32 = 6;

/// Where an image is.
#[derive(Debug, Clone)]
pub enum Content {
    /// In a repository of the store.
    Held(Repo),
    /// In a repository of another registry.
    Remote {
        /// Asks it.
        client: Client,
        /// What it calls the repository.
        repo: RepoName,
    },
}

/// A part of an image, as it is read.
pub(super) struct PartStream<'a> {
    content: &'a Content,
    part: &'a Descriptor,
    from: From,
    hasher: Hasher,
    offset: u64,
}

enum From {
    Held(BlobReader),
    Remote(Box<BlobStream>),
}

impl Content {
    /// The manifest that a reference names; nothing if there is none.
    ///
    /// # Errors
    /// The store's, or the other registry's.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<(Digest, Arc<Manifest>)>, ReadError> {
        match self {
            Self::Held(repo) => {
                let Some(stored) = repo.manifest(reference).await.map_err(Error::from)? else {
                    return Ok(None);
                };
                let digest = stored.digest;
                let media_type = Some(stored.media_type.as_str());
                let manifest = Manifest::parse(media_type, stored.bytes);
                let manifest = manifest.map_err(|source| ReadError::Manifest { digest, source })?;
                Ok(Some((digest, Arc::new(manifest))))
            }
            Self::Remote { client, repo } => {
                match client.manifest(repo, reference, Patience::Job).await {
                    Ok(fetched) => Ok(Some((fetched.digest, Arc::new(fetched.manifest)))),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// The configuration of an image.
    ///
    /// # Errors
    /// When it is missing, too large, or not what its digest says.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn config(&self, image: &Manifest) -> Result<Bytes, ReadError> {
        let config = image.blobs().first().ok_or(ReadError::NotAnImage)?;
        if config.size > MAX_CONFIG {
            let digest = config.digest;
            return Err(ReadError::LargeConfig { digest });
        }
        let mut stream = self.open(config).await?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = stream.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// Begins to read a part of an image.
    pub(super) async fn open<'a>(
        &'a self,
        part: &'a Descriptor,
    ) -> Result<PartStream<'a>, ReadError> {
        let digest = part.digest;
        if !part.is_held_here() {
            return Err(ReadError::Foreign { digest });
        }
        Ok(PartStream {
            from: self.begin(digest, 0).await?,
            content: self,
            part,
            hasher: Hasher::new(digest.algorithm()),
            offset: 0,
        })
    }

    async fn begin(&self, digest: Digest, from: u64) -> Result<From, ReadError> {
        match self {
            Self::Held(repo) => {
                let reader = repo.blob(digest).await.map_err(Error::from)?;
                reader.map(From::Held).ok_or(ReadError::Missing { digest })
            }
            Self::Remote { client, repo } => {
                match client.blob(repo, digest, from, Patience::Job).await {
                    Ok(stream) => Ok(From::Remote(Box::new(stream))),
                    Err(error) if error.is_not_found() => Err(ReadError::Missing { digest }),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}

impl PartStream<'_> {
    /// The next bytes; nothing once all have come and are right.
    ///
    /// # Errors
    /// When they do not come, are too many or too few, or are not what the digest says.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let digest = self.part.digest;
        let Some(piece) = self.piece().await? else {
            let is_right = self.offset == self.part.size && self.hasher.clone().finish() == digest;
            return if is_right {
                Ok(None)
            } else {
                Err(ReadError::Damaged { digest })
            };
        };
        self.hasher.update(&piece);
        self.offset += piece.len() as u64;
        if self.offset > self.part.size {
            return Err(ReadError::Damaged { digest });
        }
        Ok(Some(piece))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        let mut attempt = 0;
        loop {
            let stream = match &mut self.from {
                From::Held(reader) => {
                    let piece = reader.read(self.offset, PIECE).await;
                    let piece = piece.map_err(Error::from)?;
                    return Ok((!piece.is_empty()).then_some(piece));
                }
                From::Remote(stream) => stream,
            };
            let failed = match stream.next().await {
                Ok(None) if self.offset < self.part.size => stream.broken_off(),
                Ok(piece) => return Ok(piece),
                Err(error) => error,
            };
            // What has come is not asked for again.
            let pause = match failed.retry() {
                Retry::No => return Err(failed.into()),
                Retry::Now => backoff(attempt),
                Retry::After(pause) => pause.max(backoff(attempt)),
            };
            if attempt >= ATTEMPTS {
                return Err(failed.into());
            }
            attempt += 1;
            sleep(pause).await;
            self.from = self.content.begin(self.part.digest, self.offset).await?;
        }
    }
}
