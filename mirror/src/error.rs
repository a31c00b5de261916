//! What can go wrong with an upstream: whose fault it is, and whether to try again.
//!
//! Invariant: nothing here shows a credential or the query of a URL, which may be a signature.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use http::{StatusCode, Uri};
use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::{Digest, InvalidManifest};
use thiserror::Error;

use crate::net::Failure;

/// Work with an upstream failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// It answered something that it should not have.
    #[error("{url} answered {status}{said}")]
    Answer {
        /// Asked for.
        url: Url,
        /// What it answered.
        status: StatusCode,
        /// Its own words.
        said: Said,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It sent other content than was asked for.
    #[error("{url} sent content with the digest {actual}")]
    DigestMismatch {
        /// Asked for.
        url: Url,
        /// Of what came.
        actual: Digest,
    },
    /// The login failed, or there are no credentials for it.
    #[error("log in to {url}: {reason}")]
    Login {
        /// Whom the login was for.
        url: Url,
        /// What stands in the way.
        reason: &'static str,
    },
    /// An answer cannot be understood.
    #[error("{url} sent {what}")]
    Malformed {
        /// Asked for.
        url: Url,
        /// What is wrong with the answer.
        what: &'static str,
    },
    /// A manifest cannot be understood.
    #[error("{url} sent a manifest that is not valid")]
    Manifest {
        /// Asked for.
        url: Url,
        /// What is wrong with it.
        #[source]
        source: InvalidManifest,
    },
    /// There is no such repository, manifest or blob there.
    #[error("{url} is not there")]
    NotFound {
        /// Asked for.
        url: Url,
    },
    /// It wants to be left alone for a while.
    #[error("{host} asks for a pause of {left:?}")]
    Paused {
        /// Who.
        host: String,
        /// How long it lasts from now on.
        left: Duration,
    },
    /// A redirect leads where it may not, or nowhere.
    #[error("{url} redirects {whither}")]
    Redirect {
        /// Who redirects.
        url: Url,
        /// Where it leads.
        whither: &'static str,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No answer, or one that broke off.
    #[error("read {url}")]
    Transfer {
        /// Asked for.
        url: Url,
        /// What happened.
        #[source]
        source: Broken,
    },
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This machine's: its disk, its space.
    Local,
    /// Ours: credentials, configuration, what was asked for.
    Us,
    /// The upstream's, or of the network between.
    Upstream,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Soon, with growing pauses.
    Now,
    /// Not before so long from now.
    After(Duration),
    /// It would fail the same way.
    No,
}

impl Error {
    /// Whose fault it is.
    pub fn side(&self) -> Side {
        match self {
            Self::Answer { status, .. }
                if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                Side::Us
            }
            Self::Login { .. } | Self::NotFound { .. } => Side::Us,
            Self::Store(_) => Side::Local,
            _ => Side::Upstream,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Answer {
                status,
                retry_after,
                ..
            } if is_passing(*status) => retry_after.map_or(Retry::Now, Retry::After),
            Self::Paused { left, .. } => Retry::After(*left),
            Self::Transfer {
                source: Broken(Failure::TooLarge { .. }),
                ..
            } => Retry::No,
            // Bytes are mangled on their way at times.
            Self::DigestMismatch { .. } | Self::Transfer { .. } => Retry::Now,
            _ => Retry::No,
        }
    }

    /// Whether the upstream has nothing behind the byte that was asked for (RFC 9110, section 15.5.17).
    pub(crate) fn is_beyond_the_end(&self) -> bool {
        matches!(self, Self::Answer { status, .. } if *status == StatusCode::RANGE_NOT_SATISFIABLE)
    }

    /// Whether the upstream said that it does not have what was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    pub(crate) fn transfer(url: &Uri, failure: Failure) -> Self {
        Self::Transfer {
            url: url.into(),
            source: Broken(failure),
        }
    }
}

/// Answers that another attempt may not meet.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

/// How a transfer broke off.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Broken(Failure);

/// A URL as it may be shown: without its query and without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl From<&Uri> for Url {
    fn from(url: &Uri) -> Self {
        let scheme = url.scheme_str().unwrap_or("https");
        let authority = url.authority().map_or("", |authority| {
            let text = authority.as_str();
            text.rsplit_once('@').map_or(text, |(_, host)| host)
        });
        Self(format!("{scheme}://{authority}{}", url.path()))
    }
}

impl Display for Url {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an upstream says of its answer, as far as it can be shown; often nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(String);

impl Said {
    /// What of an upstream's words is shown, in characters.
    const MAX: usize = 200;

    /// Takes the beginning of a text that a stranger wrote, on one line.
    pub(crate) fn new(text: &str) -> Self {
        let words = text.split(|letter: char| letter.is_control() || letter.is_whitespace());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        Self(words.join(" ").chars().take(Self::MAX).collect())
    }
}

impl Display for Said {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url: Uri = "https://ann:secret@cdn.example.com/a/b?Signature=secret"
            .parse()
            .unwrap();
        assert_eq!(Url::from(&url).to_string(), "https://cdn.example.com/a/b");
    }

    #[test]
    fn what_a_stranger_says_fits_on_one_line_of_the_log() {
        let said = Said::new("toomanyrequests:\r\n\x1b[31m  slow  down");
        assert_eq!(said.to_string(), ": toomanyrequests: [31m slow down");
        assert_eq!(Said::new("").to_string(), "");
        assert_eq!(Said::new(&"é".repeat(300)).to_string().chars().count(), 202);
    }
}
