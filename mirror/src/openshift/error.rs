//! Why something cannot be read out of an image.

use std::io;

use roadstead_storage::oci::{Digest, InvalidManifest};
use thiserror::Error;

use super::payload::InvalidPayload;

/// Why something cannot be read out of an image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A layer is not an archive, or not one that can be read.
    #[error("read the layer {layer}")]
    Archive {
        /// Which.
        layer: Digest,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// A layer unpacks to far more than any layer does.
    #[error("the layer {layer} unpacks to more than {most} bytes")]
    Bomb {
        /// Which.
        layer: Digest,
        /// How many are believed.
        most: u64,
    },
    /// A path in a layer leads out of the image.
    #[error("the layer {layer} has a path that leads out of it: {path:?}")]
    Climbs {
        /// Which.
        layer: Digest,
        /// The path.
        path: String,
    },
    /// A part is not what its digest says.
    #[error("{digest} is not what its digest says")]
    Damaged {
        /// Which.
        digest: Digest,
    },
    /// The registry or the store failed.
    #[error(transparent)]
    Fetch(#[from] crate::error::Error),
    /// A layer lies elsewhere than in the registry.
    #[error("the layer {digest} lies outside of registries")]
    Foreign {
        /// Which.
        digest: Digest,
    },
    /// A configuration is larger than any.
    #[error("the configuration {digest} is larger than any")]
    LargeConfig {
        /// Which.
        digest: Digest,
    },
    /// A file is larger than it may be to be held in memory.
    #[error("{path} is larger than {most} bytes")]
    LargeFile {
        /// Which.
        path: String,
        /// How many are read.
        most: u64,
    },
    /// Files are larger together than may be held in memory, or their names are.
    #[error("what is looked for in it takes more than {most} bytes")]
    LargeTogether {
        /// How many are held.
        most: u64,
    },
    /// Links lead to links, and so on.
    #[error("{path} is behind too many links")]
    Links {
        /// What was looked for.
        path: String,
    },
    /// A manifest cannot be read.
    #[error("read the manifest {digest}")]
    Manifest {
        /// Which.
        digest: Digest,
        /// What is wrong with it.
        #[source]
        source: InvalidManifest,
    },
    /// A part is not there.
    #[error("{digest} is missing")]
    Missing {
        /// Which.
        digest: Digest,
    },
    /// There is no such file in the image.
    #[error("the image has no file {path}")]
    NoFile {
        /// Which.
        path: String,
    },
    /// It is no image that runs.
    #[error("it is not an image with layers")]
    NotAnImage,
    /// Its documents make no sense.
    #[error("understand the release")]
    Payload(#[from] InvalidPayload),
    /// What takes the file failed.
    #[error("hand {path} over")]
    Sink {
        /// Which file.
        path: String,
        /// How.
        #[source]
        source: io::Error,
    },
}
