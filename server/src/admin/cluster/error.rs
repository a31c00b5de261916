//! Why nothing can be told to clusters.

use roadstead_mirror::openshift::held::Error as HeldError;
use roadstead_mirror::openshift::{InvalidSamples, ReadError};
use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::RepoName;
use thiserror::Error;

/// The facts could not be gathered.
#[derive(Debug, Error)]
pub(in crate::admin) enum Error {
    /// A release is not held, or cannot be read.
    #[error("find the release {release}")]
    Held {
        /// Which.
        release: String,
        /// Why not.
        #[source]
        source: HeldError,
    },
    /// The releases that are held cannot be looked through.
    #[error(transparent)]
    Releases(#[from] HeldError),
    /// The image of the samples operator cannot be read.
    #[error("read the image of the samples operator of {release}")]
    Operator {
        /// Of which release.
        release: String,
        /// Why not.
        #[source]
        source: ReadError,
    },
    /// The image of the samples operator is not there.
    #[error("the image of the samples operator of {release} is not held")]
    NoOperator {
        /// Of which release.
        release: String,
    },
    /// There are no samples in it.
    #[error("read the samples of {release}")]
    Samples {
        /// Of which release.
        release: String,
        /// Why not.
        #[source]
        source: InvalidSamples,
    },
    /// Sample images were put in several places.
    #[error("sample images lie under several prefixes")]
    SeveralPrefixes {
        /// Which.
        prefixes: Vec<RepoName>,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// What to do about it, where that is known.
    pub(in crate::admin) fn hint(&self) -> Option<String> {
        match self {
            Self::Held {
                source: HeldError::NotHeld { held, .. },
                ..
            } if held.is_empty() => Some("`roadstead mirror release` brings one in".to_owned()),
            Self::Held {
                source: HeldError::NotHeld { held, .. },
                ..
            } => Some(format!("there are {}", held.join(", "))),
            Self::Held {
                source: HeldError::Several { places },
                ..
            } => Some(format!("say which: {}", places.join(", "))),
            Self::Held { .. } | Self::NoOperator { .. } | Self::Operator { .. } => {
                Some("`roadstead release verify` tells what is missing".to_owned())
            }
            Self::SeveralPrefixes { prefixes } => {
                let names: Vec<&str> = prefixes.iter().map(RepoName::as_str).collect();
                Some(format!("say which by --samples: {}", names.join(", ")))
            }
            Self::Releases(_) | Self::Samples { .. } | Self::Store(_) => None,
        }
    }
}
