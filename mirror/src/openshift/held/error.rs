//! What can go wrong with releases that are held.
//!
//! Each variant says what was attempted, with the cause as its source.

use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::{Digest, InvalidManifest, RepoName};
use thiserror::Error;

use crate::openshift::error::ReadError;

/// Why nothing can be said of a release, or done with it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// What an image says of itself is no such thing.
    #[error("read the configuration of the image {image}")]
    Config {
        /// The image.
        image: Digest,
        /// Where it went wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Something that the release image names is not here.
    #[error("{digest} of the release image is not in {repository}, or damaged")]
    Gone {
        /// What is not here.
        digest: Digest,
        /// Where it should be.
        repository: RepoName,
    },
    /// A manifest is none.
    #[error("read the manifest {image}")]
    Manifest {
        /// The image.
        image: Digest,
        /// What is wrong with it.
        #[source]
        source: InvalidManifest,
    },
    /// What is named lies there, and is no release.
    #[error("{place} is no release: it does not say which")]
    NoRelease {
        /// Where.
        place: String,
    },
    /// There is no such release.
    #[error("no such release is held")]
    NotHeld {
        /// What was asked for.
        wanted: String,
        /// What is held, by its tags.
        held: Vec<String>,
    },
    /// What is in a release cannot be read.
    #[error("read what is in the release image {image}")]
    Payload {
        /// The image.
        image: Digest,
        /// Why not.
        #[source]
        source: Box<ReadError>,
    },
    /// The name stands for several.
    #[error("several releases are called so")]
    Several {
        /// Where they are.
        places: Vec<String>,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
