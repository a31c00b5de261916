//! Why an image cannot be copied from a tree or to one, and what is the end of the whole copy.

use std::io;
use std::sync::Arc;

use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::{Digest, InvalidManifest};
use thiserror::Error;

use crate::openshift::ReadError;
use crate::openshift::held::Error as HeldError;

/// What is the end of a copy.
#[derive(Debug, Error)]
pub enum Error {
    /// There is not enough room for what is to be written.
    #[error("{needed} bytes are to be written and {room} are free")]
    NoRoom {
        /// What is to be written.
        needed: u64,
        /// What is free.
        room: u64,
    },
    /// The tree holds no images.
    #[error("there is no directory v2 in it, and none in mirror/")]
    NoTree,
    /// What is wanted is not in the store.
    #[error("{wanted} is not here")]
    NotHere {
        /// As it was written.
        wanted: String,
    },
    /// A release cannot be read.
    #[error(transparent)]
    Release(#[from] HeldError),
    /// The store failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// There is more in a tree than anybody has.
    #[error("there are more than {most} files in it")]
    TooLarge {
        /// How many there may be.
        most: usize,
    },
    /// The tree failed.
    #[error(transparent)]
    Tree(Arc<io::Error>),
}

/// Why an image cannot be had. Cheap to clone: several images may fail for the same reason.
#[derive(Debug, Clone, Error)]
pub(super) enum Failure {
    #[error("{path} holds other bytes than its name says")]
    Damaged { path: String },
    #[error("{digest} is damaged in the store")]
    DamagedHere { digest: Digest },
    #[error("read the manifest {digest}")]
    Manifest {
        digest: Digest,
        source: Arc<InvalidManifest>,
    },
    #[error("{digest} is neither in the directory nor in the store")]
    Missing { digest: Digest },
    #[error("{digest} is not in the store")]
    MissingHere { digest: Digest },
    #[error("the list {digest} is nested too deep")]
    Nested { digest: Digest },
    #[error("{missing} of the images that it names are not here, {first} among them")]
    NotWhole { missing: usize, first: Digest },
    #[error("{path} has {size} bytes, and its manifest says {expected}")]
    Size {
        path: String,
        size: u64,
        expected: u64,
    },
    #[error("find out what the release names")]
    Release(#[source] Arc<ReadError>),
    #[error(transparent)]
    Store(Arc<StoreError>),
    #[error("it has more than {most} manifests")]
    TooMany { most: usize },
    #[error(transparent)]
    Tree(Arc<io::Error>),
    #[error("the blob {digest} was removed meanwhile")]
    Vanished { digest: Digest },
}

impl Failure {
    /// The end of the copy, for what belongs to no image.
    pub(super) fn into_end(self) -> Error {
        match self {
            Self::Store(error) => Error::Store(error),
            Self::Tree(error) => Error::Tree(error),
            other => Error::Tree(Arc::new(io::Error::other(other))),
        }
    }

    /// Itself, or what ends the copy: no other image would fare better.
    pub(super) fn or_end(self) -> Result<Self, Error> {
        match self {
            Self::Store(error) if takes_no_more(&error) => Err(Error::Store(error)),
            Self::Tree(error) if ends_all(&error) => Err(Error::Tree(error)),
            other => Ok(other),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Tree(Arc::new(error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Release(Arc::new(error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Tree(Arc::new(error))
    }
}

fn takes_no_more(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Full { .. }
            | StoreError::Io { .. }
            | StoreError::OverQuota { .. }
            | StoreError::ReadOnly { .. }
    )
}

fn ends_all(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
    )
}
