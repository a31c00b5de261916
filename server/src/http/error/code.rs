//! The codes of errors, with the status and the words that clients compare.
//!
//! A table and nothing else; a change here breaks somebody.

use http::StatusCode;

/// The code of an error (distribution-spec, "Error Codes").
///
/// The specification closes its list for answers of 400 to 499. Above it two more are used that the
/// reference registry made customary, because docker decides by them whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    TooManyRequests,
    Unauthorized,
    /// 503: not now.
    Unavailable,
    /// 500: our fault.
    Unknown,
    Unsupported,
}

impl ErrorCode {
    /// The table: as it is written, the status it comes with, and what it says unless something
    /// better is known. Clients compare these words.
    pub(super) fn entry(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", S::NOT_FOUND, "blob unknown to registry"),
            Self::BlobUploadInvalid => {
                ("BLOB_UPLOAD_INVALID", S::BAD_REQUEST, "blob upload invalid")
            }
            Self::BlobUploadUnknown => (
                "BLOB_UPLOAD_UNKNOWN",
                S::NOT_FOUND,
                "blob upload unknown to registry",
            ),
            Self::Denied => (
                "DENIED",
                S::FORBIDDEN,
                "requested access to the resource is denied",
            ),
            Self::DigestInvalid => (
                "DIGEST_INVALID",
                S::BAD_REQUEST,
                "provided digest did not match uploaded content",
            ),
            Self::ManifestInvalid => ("MANIFEST_INVALID", S::BAD_REQUEST, "manifest invalid"),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", S::NOT_FOUND, "manifest unknown"),
            Self::NameInvalid => ("NAME_INVALID", S::BAD_REQUEST, "invalid repository name"),
            Self::NameUnknown => (
                "NAME_UNKNOWN",
                S::NOT_FOUND,
                "repository name not known to registry",
            ),
            Self::SizeInvalid => (
                "SIZE_INVALID",
                S::BAD_REQUEST,
                "provided length did not match content length",
            ),
            Self::TooManyRequests => (
                "TOOMANYREQUESTS",
                S::TOO_MANY_REQUESTS,
                "toomanyrequests: too many requests",
            ),
            Self::Unauthorized => ("UNAUTHORIZED", S::UNAUTHORIZED, "authentication required"),
            Self::Unavailable => ("UNAVAILABLE", S::SERVICE_UNAVAILABLE, "service unavailable"),
            Self::Unknown => ("UNKNOWN", S::INTERNAL_SERVER_ERROR, "unknown error"),
            Self::Unsupported => (
                "UNSUPPORTED",
                S::METHOD_NOT_ALLOWED,
                "the operation is unsupported",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const ALL: [ErrorCode; 15] = [
        ErrorCode::BlobUnknown,
        ErrorCode::BlobUploadInvalid,
        ErrorCode::BlobUploadUnknown,
        ErrorCode::Denied,
        ErrorCode::DigestInvalid,
        ErrorCode::ManifestInvalid,
        ErrorCode::ManifestUnknown,
        ErrorCode::NameInvalid,
        ErrorCode::NameUnknown,
        ErrorCode::SizeInvalid,
        ErrorCode::TooManyRequests,
        ErrorCode::Unauthorized,
        ErrorCode::Unavailable,
        ErrorCode::Unknown,
        ErrorCode::Unsupported,
    ];

    /// The words clients compare; a change here breaks somebody.
    const GOLDEN: &str = "\
404 BLOB_UNKNOWN blob unknown to registry
400 BLOB_UPLOAD_INVALID blob upload invalid
404 BLOB_UPLOAD_UNKNOWN blob upload unknown to registry
403 DENIED requested access to the resource is denied
400 DIGEST_INVALID provided digest did not match uploaded content
400 MANIFEST_INVALID manifest invalid
404 MANIFEST_UNKNOWN manifest unknown
400 NAME_INVALID invalid repository name
404 NAME_UNKNOWN repository name not known to registry
400 SIZE_INVALID provided length did not match content length
429 TOOMANYREQUESTS toomanyrequests: too many requests
401 UNAUTHORIZED authentication required
503 UNAVAILABLE service unavailable
500 UNKNOWN unknown error
405 UNSUPPORTED the operation is unsupported
";

    #[test]
    fn the_table_of_codes_says_what_clients_compare() {
        let mut table = String::new();
        for code in ALL {
            let (name, status, message) = code.entry();
            let line = writeln!(table, "{} {name} {message}", status.as_u16());
            line.expect("writing to a string does not fail");
        }
        assert_eq!(table, GOLDEN);
    }

    #[test]
    fn every_error_below_500_has_a_code_of_the_specification() {
        for code in ALL {
            let (name, status, _) = code.entry();
            let ours = matches!(code, ErrorCode::Unavailable | ErrorCode::Unknown);
            assert_eq!(status.is_server_error(), ours, "{name}");
        }
    }
}
