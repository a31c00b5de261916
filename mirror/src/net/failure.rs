//! Why a request got no answer, or one that broke off.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy;
use thiserror::Error;

use super::connect::ConnectError;

/// Why a request got no answer, or one that broke off.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("no connection")]
    Connect(#[source] Arc<ConnectError>),
    #[error("the connection broke")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
    #[error("nothing came for {within:?}")]
    Idle { within: Duration },
    #[error("the body had not come to its end after {within:?}")]
    Slow { within: Duration },
    #[error("the body ended early")]
    Short,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body is not compressed as its header says")]
    Encoding(#[source] std::io::Error),
}

impl Failure {
    /// What hyper's client says, with a connection that was not made told from one that broke.
    pub(super) fn of(error: legacy::Error) -> Self {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(link) = cause {
            // The connector's own error says all there is to say.
            if let Some(connect) = link.downcast_ref::<Arc<ConnectError>>() {
                return Self::Connect(Arc::clone(connect));
            }
            cause = link.source();
        }
        Self::Broken(error.into())
    }
}
