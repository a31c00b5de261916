//! Where the bytes of a blob come from: out of the store, or on their way into it.

use bytes::Bytes;
use roadstead_storage::oci::Digest;
use roadstead_storage::{BlobReader, Error as StoreError, FetchReader};

use crate::http::buffer::Buffer;

/// Reads a blob. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    /// It is being fetched: what has come is read at once, and the rest waited for.
    Arriving(FetchReader),
    /// It is here.
    Held(BlobReader),
}

impl Reader {
    /// What is read.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Arriving(reader) => reader.digest(),
            Self::Held(blob) => blob.digest(),
        }
    }

    /// How large the blob is, as soon as that is known.
    ///
    /// # Errors
    /// When the fetch ends before.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn sized(mut self) -> Result<(Self, u64), StoreError> {
        let size = match &mut self {
            Self::Arriving(reader) => reader.size().await?,
            Self::Held(blob) => blob.size(),
        };
        Ok((self, size))
    }

    /// Reads what is in memory from `offset` on into the front of `buffer`; how much that was.
    pub(super) fn read_cached(&self, offset: u64, buffer: &mut [u8]) -> usize {
        match self {
            Self::Arriving(reader) => reader.read_cached(offset, buffer),
            Self::Held(blob) => blob.read_cached(offset, buffer),
        }
    }

    /// At least one byte from `offset` on, and at most what there is room for; none behind the end.
    pub(super) async fn read(self, offset: u64, buffer: Buffer) -> Result<Bytes, StoreError> {
        match self {
            Self::Arriving(mut reader) => {
                let (buffer, read) = reader.read_into(offset, buffer).await?;
                Ok(buffer.filled(read))
            }
            Self::Held(blob) => {
                let buffer = blob.read_into(offset, buffer).await?;
                let read = buffer.as_ref().len();
                Ok(buffer.filled(read))
            }
        }
    }
}
