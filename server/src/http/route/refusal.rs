//! Why a request is not understood, and the parsers that paths and queries share.
//!
//! What a parser refused is never repeated: it may be long or hostile, and its client knows it.

use roadstead_storage::oci::{
    Digest, InvalidAlgorithm, InvalidDigest, InvalidName, InvalidTag, RepoName,
};
use thiserror::Error;

/// Tags that may be set by one push of a manifest (end-7b asks for at least 10).
pub(super) const MAX_TAGS: usize = 128;

/// Why a request is not understood, in words that may be shown.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// `digest-algorithm` names one we do not compute.
    #[error("the digest algorithm is not supported")]
    Algorithm {
        /// What the parser said.
        #[source]
        source: InvalidAlgorithm,
    },
    /// A digest in the path or the query is malformed.
    #[error("the digest is malformed")]
    Digest {
        /// What the parser said.
        #[source]
        source: InvalidDigest,
    },
    /// The closing `PUT` of an upload does not say its digest.
    #[error("the query names no digest")]
    DigestMissing,
    /// Bytes that are no text after percent-decoding.
    #[error("the path is not UTF-8 text")]
    Encoding,
    /// The path exists, the method does not.
    #[error("the method is not allowed here")]
    Method {
        /// The value of `Allow`.
        allow: &'static str,
    },
    /// A repository name in the path or the query is malformed.
    #[error("the repository name is malformed")]
    Name {
        /// What the parser said.
        #[source]
        source: InvalidName,
    },
    /// Nothing is served at this path.
    #[error("nothing is served at this path")]
    NotFound,
    /// `n` is not a number of entries.
    #[error("n is not a number of entries")]
    PageSize,
    /// A tag to be set is malformed.
    #[error("the tag is malformed")]
    Tag {
        /// What the parser said.
        #[source]
        source: InvalidTag,
    },
    /// A tag is asked for that nothing can be called: it is merely unknown.
    #[error("no tag can have that name")]
    TagUnknown,
    /// More tags in one push than we take.
    #[error("more than {MAX_TAGS} tags in one push")]
    Tags,
    /// The path names an upload in a way no upload was ever named.
    #[error("the upload id is malformed")]
    Upload,
}

/// A repository name in a path or a query.
pub(super) fn repo(text: &str) -> Result<RepoName, Refusal> {
    text.parse().map_err(|source| Refusal::Name { source })
}

/// A digest in a path or a query.
pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|source| Refusal::Digest { source })
}
