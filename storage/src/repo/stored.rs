//! What a repository says of its manifests and tags to those who read it.

use bytes::Bytes;

use super::prepared::Prepared;
use crate::oci::{Digest, MediaType};
use crate::record::{Origin, TagRecord, Timestamp};

/// A manifest as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What it was asked by, or what its tag was set with.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// Exactly as it was pushed.
    pub bytes: Bytes,
    /// What whoever serves it has made of it.
    pub prepared: Prepared,
}

/// What is known of a manifest without reading it.
#[derive(Debug, Clone)]
pub struct Record {
    /// What it was asked by, or what its tag was set with.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
    /// How it came here.
    pub origin: Origin,
}

/// What a tag names, how it came to, and how fresh that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagState {
    /// What it names.
    pub digest: Digest,
    /// How it came here.
    pub origin: Origin,
    /// When its upstream last said that it names this; `None` for one that has no upstream.
    pub checked_at: Option<Timestamp>,
}

impl Stored {
    /// A manifest of which nothing was made yet.
    pub fn new(digest: Digest, media_type: MediaType, bytes: Bytes) -> Self {
        Self {
            digest,
            media_type,
            bytes,
            prepared: Prepared::default(),
        }
    }
}

impl From<&TagRecord> for TagState {
    fn from(record: &TagRecord) -> Self {
        Self {
            digest: record.digest,
            origin: record.origin,
            checked_at: record.checked_at,
        }
    }
}
