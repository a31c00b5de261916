//! What each failure of the parts below means to a client.
//!
//! One `From` per part, and no other place decides a status or a code of theirs.

use std::error::Error as StdError;
use std::sync::Arc;

use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use roadstead_mirror::{Error as UpstreamError, Retry};
use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::InvalidManifest;

use crate::http::error::{Error, ErrorCode, SOON};
use crate::http::header::value;
use crate::http::payload::PayloadError;
use crate::http::route::Refusal;
use crate::registry::Error as RegistryError;

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::BlobUnknown { .. } => Self::new(ErrorCode::BlobUnknown),
            RegistryError::ManifestUnknown { .. } => Self::new(ErrorCode::ManifestUnknown),
            RegistryError::NameUnknown { .. } => Self::new(ErrorCode::NameUnknown),
            RegistryError::Mirrored { .. } => {
                Self::new(ErrorCode::Denied).saying(error.to_string())
            }
            RegistryError::Store(error) => error.into(),
            RegistryError::Upstream { source } => of_upstream(source),
        }
    }
}

/// What an upstream did not give. A gateway's answer: a client that knows another mirror, or the source
/// itself, asks there next.
fn of_upstream(error: Arc<UpstreamError>) -> Error {
    let unavailable = Error::new(ErrorCode::Unavailable)
        .status(StatusCode::BAD_GATEWAY)
        .saying("the upstream does not answer as it should");
    let failed = match (&*error, error.retry()) {
        (UpstreamError::Store(StoreError::FetchInterrupted | StoreError::FetchedOther), _) => {
            unavailable
        }
        (UpstreamError::Store(StoreError::Full { .. } | StoreError::OverQuota { .. }), _) => {
            Error::new(ErrorCode::Denied)
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .saying("the registry has no space left for what the upstream has")
        }
        (UpstreamError::Store(_), _) => Error::new(ErrorCode::Unknown),
        (_, Retry::After(pause)) => Error::new(ErrorCode::TooManyRequests)
            .saying("toomanyrequests: the upstream asks for a pause")
            .header(RETRY_AFTER, value(pause.as_secs().max(1).to_string())),
        _ => unavailable,
    };
    failed.because(error)
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::DeleteDisabled => Self::new(ErrorCode::Unsupported)
                .saying("deleting is disabled")
                .header(ALLOW, HeaderValue::from_static("GET, HEAD")),
            StoreError::DigestMismatch { .. } => {
                Self::new(ErrorCode::DigestInvalid).saying(error.to_string())
            }
            // DENIED keeps docker from trying again at once, which would fill the disk's last bytes
            // over and over; the status tells all others that it is not their fault.
            StoreError::Full { .. } | StoreError::OverQuota { .. } => Self::new(ErrorCode::Denied)
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .saying("the registry has no space left")
                .because(error),
            StoreError::ReadOnly { .. } => Self::new(ErrorCode::Denied)
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .saying("the registry takes no changes at present")
                .because(error),
            StoreError::FetchInterrupted | StoreError::FetchedOther => {
                Self::new(ErrorCode::Unavailable)
                    .status(StatusCode::BAD_GATEWAY)
                    .saying("the upstream broke off")
                    .because(error)
            }
            StoreError::IndexNotReady => Self::new(ErrorCode::Unavailable)
                .saying("the list of repositories is being rebuilt")
                .header(RETRY_AFTER, SOON),
            // Not MANIFEST_INVALID: containers/image would convert the manifest and push again.
            StoreError::TagImmutable { .. } => {
                Self::new(ErrorCode::Denied).saying(error.to_string())
            }
            StoreError::TooManyUploads => Self::new(ErrorCode::TooManyRequests)
                .saying("toomanyrequests: too many uploads are in progress")
                .header(RETRY_AFTER, SOON),
            StoreError::UploadBusy => Self::new(ErrorCode::BlobUploadInvalid)
                .status(StatusCode::CONFLICT)
                .saying(error.to_string()),
            StoreError::UploadUnknown => Self::new(ErrorCode::BlobUploadUnknown),
            // Whatever else the store can say is between it and its administrator.
            _ => Self::new(ErrorCode::Unknown).because(error),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::Algorithm { .. } | Refusal::Digest { .. } | Refusal::DigestMissing => {
                ErrorCode::DigestInvalid
            }
            Refusal::Encoding | Refusal::Name { .. } | Refusal::Tag { .. } => {
                ErrorCode::NameInvalid
            }
            Refusal::Method { .. } | Refusal::NotFound | Refusal::PageSize | Refusal::Tags => {
                ErrorCode::Unsupported
            }
            Refusal::TagUnknown => ErrorCode::ManifestUnknown,
            Refusal::Upload => ErrorCode::BlobUploadUnknown,
        };
        let error = Self::new(code);
        match refusal {
            Refusal::Method { allow } => error.header(ALLOW, HeaderValue::from_static(allow)),
            Refusal::NotFound => error
                .status(StatusCode::NOT_FOUND)
                .saying(refusal.to_string()),
            Refusal::PageSize => error
                .status(StatusCode::BAD_REQUEST)
                .saying(refusal.to_string()),
            Refusal::Tags => error
                .status(StatusCode::URI_TOO_LONG)
                .saying(refusal.to_string()),
            Refusal::TagUnknown | Refusal::Upload => error,
            refusal => {
                let rule = StdError::source(&refusal);
                let rule = rule.map(|rule| format!(": {rule}")).unwrap_or_default();
                error.saying(format!("{refusal}{rule}"))
            }
        }
    }
}

impl From<PayloadError> for Error {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Broken { .. } => Self::new(ErrorCode::BlobUploadInvalid)
                .saying("the body broke off")
                .because(error),
            PayloadError::Idle => Self::new(ErrorCode::BlobUploadInvalid)
                .status(StatusCode::REQUEST_TIMEOUT)
                .saying(error.to_string()),
            PayloadError::TooLarge { .. } => Self::new(ErrorCode::SizeInvalid)
                .status(StatusCode::PAYLOAD_TOO_LARGE)
                .saying(error.to_string()),
        }
    }
}

impl From<InvalidManifest> for Error {
    fn from(error: InvalidManifest) -> Self {
        match error {
            InvalidManifest::Size { .. } => Self::new(ErrorCode::SizeInvalid)
                .status(StatusCode::PAYLOAD_TOO_LARGE)
                .saying(error.to_string()),
            _ => Self::new(ErrorCode::ManifestInvalid).saying(error.to_string()),
        }
    }
}
