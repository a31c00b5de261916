//! Why an image cannot be had, and whether that is the end of the job too.

use std::sync::Arc;

use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::Digest;
use thiserror::Error;

use crate::error::Error;

/// Why an image cannot be had. Cheap to clone: several images may fail for the same reason.
#[derive(Debug, Clone, Error)]
pub(super) enum Failure {
    /// The upstream or the store failed.
    #[error(transparent)]
    Error(Arc<Error>),
    /// Lists of images that lead to lists, and so on.
    #[error("the list {digest} is nested too deep")]
    Nested { digest: Digest },
    /// There is no catalog to find it by.
    #[error("the registry does not list its repositories: name them without wildcards")]
    NoCatalog {
        #[source]
        source: Arc<Error>,
    },
    /// Nothing in a list of images is for a platform that was asked for.
    #[error("nothing in {digest} runs on {wanted}")]
    NoPlatform { digest: Digest, wanted: String },
    /// The name would be too long, or is none.
    #[error("\"{name}\" is no repository of this store")]
    NoRepository { name: String },
    /// A pattern that selects nothing.
    #[error("no tag of it is selected")]
    NothingSelected,
    /// A list of images, of lists, of images.
    #[error("it has more than {most} manifests")]
    TooLarge { most: usize },
    /// More refers to a manifest than is believed.
    #[error("more than {most} manifests refer to it")]
    TooMany { most: usize },
    /// Taken away while it was being used.
    #[error("the blob {digest} was removed meanwhile")]
    Vanished { digest: Digest },
}

impl Failure {
    /// Whether the upstream says that there is no such thing.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::Error(error) => error.is_not_found(),
            Self::NothingSelected => true,
            _ => false,
        }
    }

    /// Whether a companion of an image may be like that and the image is whole all the same: lists of
    /// companions outlive what they list, and name what no registry takes any more.
    pub(super) fn is_passable(&self) -> bool {
        match self {
            Self::Error(error) => error.is_not_found() || matches!(**error, Error::Manifest { .. }),
            _ => false,
        }
    }

    /// The failure after which no other image would fare better: the store takes nothing more.
    pub(super) fn fatal(&self) -> Option<Arc<Error>> {
        let Self::Error(error) = self else {
            return None;
        };
        let is_fatal = matches!(
            &**error,
            Error::Store(
                StoreError::Full { .. }
                    | StoreError::Io { .. }
                    | StoreError::OverQuota { .. }
                    | StoreError::ReadOnly { .. }
            )
        );
        is_fatal.then(|| Arc::clone(error))
    }

    /// In words, causes included.
    pub(super) fn because(&self) -> String {
        in_words(self)
    }
}

/// An error and what caused it, on one line.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(Arc::new(error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}
