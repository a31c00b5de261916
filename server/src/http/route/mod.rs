//! What a request asks for: one [`Route`], made of parsed names, digests and ids.
//!
//! Pure; knows neither who asks nor whether anything exists. `parse.rs` reads paths, `query.rs` what
//! stands behind them. Invariant: whatever a route holds has passed the grammar of the
//! specification.

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod parse;
mod query;
mod refusal;

use roadstead_storage::UploadId;
use roadstead_storage::oci::{Digest, Reference, RepoName};

use crate::telemetry::Endpoint;

pub(crate) use self::query::{Filter, Page, Start, Target, namespace};
pub(crate) use self::refusal::Refusal;

/// A request understood. `HEAD` shares the routes of `GET`.
///
/// Requests about a repository are sorted by the right they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `GET /v2/` (end-1).
    Base,
    /// `GET /ca.crt`.
    CaCertificate,
    /// `GET /v2/_catalog`.
    Catalog(Page),
    /// `GET /healthz`.
    Health,
    /// `GET /metrics`.
    Metrics,
    /// `OPTIONS` of anything: a browser asks what it may do.
    Preflight,
    /// Something is read from a repository.
    Read(RepoName, Read),
    /// `GET /readyz`.
    Ready,
    /// Something is removed from a repository.
    Remove(RepoName, Remove),
    /// `GET /token`.
    TokenGet,
    /// `POST /token`.
    TokenPost,
    /// Something is added to a repository.
    Write(RepoName, Write),
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// `GET /v2/<name>/blobs/<digest>` (end-2).
    Blob(Digest),
    /// `GET /v2/<name>/manifests/<reference>` (end-3).
    Manifest(Reference),
    /// `GET /v2/<name>/referrers/<digest>` (end-12).
    Referrers(Digest, Filter),
    /// `GET /v2/<name>/tags/list` (end-8).
    Tags(Page),
}

/// What is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remove {
    /// `DELETE /v2/<name>/blobs/<digest>` (end-10).
    Blob(Digest),
    /// `DELETE /v2/<name>/manifests/<reference>` (end-9).
    Manifest(Reference),
}

/// What is added, or is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// `PUT /v2/<name>/manifests/<reference>` (end-7a, end-7b).
    Manifest(Target),
    /// `PATCH <upload>` (end-5).
    UploadAppend(UploadId),
    /// `DELETE <upload>` (end-14).
    UploadCancel(UploadId),
    /// `PUT <upload>?digest=` (end-6).
    UploadFinish(UploadId, Digest),
    /// `POST /v2/<name>/blobs/uploads/` (end-4, end-11).
    UploadStart(Start),
    /// `GET <upload>` (end-13).
    UploadStatus(UploadId),
}

impl Route {
    /// What it is for, as logs and metrics have it: that holds nothing of the request.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Base => Endpoint::Base,
            Self::CaCertificate => Endpoint::CaCertificate,
            Self::Catalog(_) => Endpoint::Catalog,
            Self::Health => Endpoint::Health,
            Self::Metrics => Endpoint::Metrics,
            Self::Preflight => Endpoint::Preflight,
            Self::Read(_, Read::Blob(_)) | Self::Remove(_, Remove::Blob(_)) => Endpoint::Blob,
            Self::Read(_, Read::Manifest(_))
            | Self::Remove(_, Remove::Manifest(_))
            | Self::Write(_, Write::Manifest(_)) => Endpoint::Manifest,
            Self::Read(_, Read::Referrers(..)) => Endpoint::Referrers,
            Self::Read(_, Read::Tags(_)) => Endpoint::Tags,
            Self::Ready => Endpoint::Ready,
            Self::TokenGet | Self::TokenPost => Endpoint::Token,
            Self::Write(_, Write::UploadStart(_)) => Endpoint::Uploads,
            Self::Write(
                _,
                Write::UploadAppend(_)
                | Write::UploadCancel(_)
                | Write::UploadFinish(..)
                | Write::UploadStatus(_),
            ) => Endpoint::Upload,
        }
    }

    /// The repository it is about, if it is about one.
    pub(crate) fn repo(&self) -> Option<&RepoName> {
        match self {
            Self::Read(repo, _) | Self::Remove(repo, _) | Self::Write(repo, _) => Some(repo),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
