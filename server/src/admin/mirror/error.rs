//! Why a command about other registries has nothing to report, and what to do then.

use std::sync::Arc;

use roadstead_mirror::InvalidCredentials;
use roadstead_mirror::openshift::InvalidSamples;
use roadstead_storage::Error as StoreError;
use thiserror::Error;
use tokio::task::JoinError;

use crate::admin::failure::{Exit, Failure};
use crate::jobs::order;
use crate::jobs::release::Error as ReleaseError;
use crate::jobs::samples::Error as SamplesError;
use crate::upstreams::Untrustworthy;

/// Why there is nothing to report.
#[derive(Debug, Error)]
pub(in crate::admin) enum Error {
    #[error("the job {name} ended by a fault of this program")]
    Broken { name: String },
    #[error("read the credentials")]
    Credentials(#[from] InvalidCredentials),
    #[error("the last image stands for this registry, and is no destination in it")]
    Destination,
    #[error("the configuration has no [[sync]] section")]
    NoJobs,
    #[error("put the order together")]
    Order(#[from] order::Error),
    #[error("{registry} is not this registry")]
    OtherRegistry { registry: String },
    #[error("{source_ref} is in this registry already")]
    OwnSource { source_ref: String },
    #[error("the work ended by a fault of this program")]
    Panicked(#[from] JoinError),
    #[error("find out what there is")]
    Plan(#[from] Arc<roadstead_mirror::Error>),
    #[error("one destination stands for several repositories")]
    SeveralRepositories,
    #[error("one tag stands for several images")]
    SeveralTags,
    #[error(transparent)]
    Release(#[from] Box<ReleaseError>),
    #[error(transparent)]
    Samples(#[from] Box<SamplesError>),
    #[error(transparent)]
    Store(#[from] Box<StoreError>),
    #[error("it was stopped")]
    Stopped,
    #[error(transparent)]
    Streams(#[from] Box<InvalidSamples>),
    #[error("a release has its own tags, and takes none")]
    TagOfRelease,
    #[error(transparent)]
    Trust(#[from] Untrustworthy),
    #[error("there is no stream {name}")]
    UnknownStream { name: String, known: Vec<String> },
    #[error("there is no job {name}")]
    UnknownJob { name: String, known: Vec<String> },
}

impl Error {
    /// The failure that this is for whoever attempted something.
    pub(in crate::admin) fn describe(&self, attempt: &str) -> Failure {
        let failure = Failure::because(attempt, self);
        match self {
            Self::Destination | Self::OwnSource { .. } | Self::SeveralTags | Self::TagOfRelease => {
                failure.exit(Exit::Usage)
            }
            Self::NoJobs => {
                let hint = "write one, and reload the server; `roadstead mirror image` needs none";
                failure.hint(hint)
            }
            Self::OtherRegistry { .. } => {
                let hint = "write a place here without a registry, or with this one's address";
                failure.hint(hint).exit(Exit::Usage)
            }
            Self::SeveralRepositories => {
                let hint = "a file for -f has a destination of its own on each line";
                failure.hint(hint).exit(Exit::Usage)
            }
            Self::Release(error) if matches!(**error, ReleaseError::Unsigned(_)) => {
                let hint = "--signature-store says where its signatures are, --release-key who may \
                            sign; --allow-unsigned copies it all the same";
                failure.hint(hint)
            }
            Self::Release(error) if error.is_not_there() => {
                let hint =
                    "releases are called like 4.18.7-x86_64; --from names another repository";
                failure.hint(hint)
            }
            Self::UnknownJob { known, .. } | Self::UnknownStream { known, .. } => {
                let hint = format!("there are {}", known.join(", "));
                failure.hint(hint).exit(Exit::Usage)
            }
            _ => failure,
        }
    }
}
