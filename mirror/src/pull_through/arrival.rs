//! How a manifest came that was not here.

use std::sync::Arc;

use roadstead_storage::Stored;
use roadstead_storage::oci::Digest;

use crate::error::Error;

/// What a flight for a manifest ends with.
pub(super) type Arrival = Result<Arrived, Arc<Error>>;

/// A manifest that came.
#[derive(Debug, Clone)]
pub(super) enum Arrived {
    /// It is in the store.
    Kept(Digest),
    /// The store could not take it.
    Passing(Stored),
}

impl Arrived {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Kept(digest) => *digest,
            Self::Passing(stored) => stored.digest,
        }
    }
}
