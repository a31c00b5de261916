//! What a parse refused, in words that may be shown to a stranger.
//!
//! None of these carries the refused text: it may be long, hostile or secret. Who parses knows it.

use thiserror::Error;

/// An algorithm this registry does not compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the digest algorithm is neither sha256 nor sha512")]
pub struct InvalidAlgorithm;

/// A text that is no digest (image-spec, descriptor.md, "Digests").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDigest {
    /// The algorithm is unknown here.
    #[error("the digest algorithm is neither sha256 nor sha512")]
    Algorithm,
    /// The encoded part has not the length of the algorithm, or is not lower-case hexadecimal.
    #[error("the digest is not lower-case hexadecimal of the length of its algorithm")]
    Encoded,
    /// There is no colon.
    #[error("a digest is written algorithm:hex")]
    Form,
}

/// A text that is no repository name (distribution-spec, "Pulling manifests").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// A path component breaks the grammar.
    #[error(
        "a repository name is made of lower-case letters and digits, separated by '/', '.', '_', \
         '__' or dashes"
    )]
    Grammar,
    /// Longer than clients can name.
    #[error("a repository name has at most 255 characters")]
    Length,
}

/// A text that is no tag (distribution-spec, "Pulling manifests").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a tag is 1 to 128 letters, digits, '_', '.' or '-', and begins with none of the last two")]
pub struct InvalidTag;

/// A text that is neither a tag nor a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidReference {
    /// It holds a colon and so should be a digest.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// It holds no colon and so should be a tag.
    #[error(transparent)]
    Tag(#[from] InvalidTag),
}

/// A text that is no media type (RFC 6838, 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a media type is written type/subtype")]
pub struct InvalidMediaType;

/// Bytes that are no manifest this registry keeps.
#[derive(Debug, Error)]
pub enum InvalidManifest {
    /// The fields of an image manifest and of an index in one document: which one a client sees
    /// would depend on the client (GHSA-qq97-vm5h-rrhg).
    #[error("the manifest has the fields of an image and of an index at once")]
    Ambiguous,
    /// Not JSON, a key twice in one object, or a field of the wrong shape.
    #[error("the manifest is not valid JSON of its media type: {reason}")]
    Json {
        /// What the parser said: position and expectation, never the content.
        reason: String,
    },
    /// `Content-Type` and the document's own `mediaType` disagree.
    #[error("the Content-Type is {header}, the manifest says {body}")]
    MediaTypeMismatch {
        /// From the request.
        header: String,
        /// From the document.
        body: String,
    },
    /// Neither the request nor the document names a media type.
    #[error("neither the Content-Type nor the manifest names a media type")]
    NoMediaType,
    /// Too large to be kept.
    #[error("a manifest has at most {limit} bytes")]
    Size {
        /// The limit in bytes.
        limit: usize,
    },
    /// A media type whose references cannot be walked.
    #[error("manifests of type {media_type} are not supported")]
    Unsupported {
        /// The type named.
        media_type: String,
    },
    /// Other than 2.
    #[error("schemaVersion must be 2")]
    Version,
}
