//! What a client is told when something fails: one table of codes, and one place that fills it.
//!
//! Two texts: the public one, short and made here, goes to the client; the chain of causes goes to
//! the log beside the request's id. Invariant: nothing of a cause, least of all a path, reaches an
//! answer of 500 and above.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Display, Formatter};

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::InvalidManifest;
use serde_json::{Value, json};

use crate::auth::AuthError;
use crate::auth::grant::Denied;
use crate::http::answer;
use crate::http::body::Body;
use crate::http::challenge::{Challenge, Problem, Scope};
use crate::http::payload::PayloadError;
use crate::http::route::Refusal;
use crate::registry::Error as RegistryError;
use crate::report::chain;

/// Seconds after which a client may well try again.
const SOON: HeaderValue = HeaderValue::from_static("5");

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
    fn entry(self) -> (&'static str, StatusCode, &'static str) {
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

/// A request that failed: what its client is told, and what the log is.
#[derive(Debug)]
pub(crate) struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: ErrorCode,
    message: Cow<'static, str>,
    detail: Option<Value>,
    headers: HeaderMap,
    challenge: Option<Challenge>,
    /// Credentials came and were not good.
    bad_login: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with the status and the words of its table entry.
    pub(crate) fn new(code: ErrorCode) -> Self {
        let (_, status, message) = code.entry();
        Self(Box::new(Inner {
            status,
            code,
            message: message.into(),
            detail: None,
            headers: HeaderMap::new(),
            challenge: None,
            bad_login: false,
            cause: None,
        }))
    }

    /// With another status than the table's.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// In other words than the table's; they are public.
    pub(crate) fn saying(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// With a header beside the usual ones.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// With what the log shall say of why.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The caller lacks the rights `scopes`.
    pub(crate) fn denied(denied: Denied, scopes: Vec<Scope>) -> Self {
        match denied {
            Denied::Login => Self::challenge(Challenge::Bearer {
                scopes,
                problem: None,
            }),
            Denied::Scope => {
                let problem = Some(Problem::InsufficientScope);
                Self::challenge(Challenge::Bearer { scopes, problem })
            }
            Denied::Forbidden => Self::new(ErrorCode::Denied),
        }
    }

    /// The credentials that came are not good; `scopes` is what the request would have needed.
    pub(crate) fn unauthenticated(error: AuthError, scopes: Vec<Scope>) -> Self {
        let problem = match error {
            AuthError::Token => Some(Problem::InvalidToken),
            _ => None,
        };
        Self::login_failed(error, Challenge::Bearer { scopes, problem })
    }

    /// The credentials that came are not good; `challenge` says how to do better.
    pub(crate) fn login_failed(error: AuthError, challenge: Challenge) -> Self {
        match error {
            AuthError::Busy => Self::new(ErrorCode::TooManyRequests)
                .saying("toomanyrequests: too many logins at once")
                .header(RETRY_AFTER, SOON),
            AuthError::Internal { .. } => Self::new(ErrorCode::Unknown).because(error),
            AuthError::Credentials | AuthError::Token => {
                let mut refused = Self::challenge(challenge);
                refused.0.bad_login = true;
                refused
            }
        }
    }

    /// The client has to log in as `challenge` says.
    pub(crate) fn challenge(challenge: Challenge) -> Self {
        let mut error = Self::new(ErrorCode::Unauthorized);
        if let Challenge::Bearer { scopes, .. } = &challenge
            && !scopes.is_empty()
        {
            error.0.detail = Some(scopes.iter().flat_map(Scope::detail).collect());
        }
        error.0.challenge = Some(challenge);
        error
    }

    /// Whether the fault is ours, so that the log must say more than the client is told.
    pub(crate) fn is_ours(&self) -> bool {
        self.0.status.is_server_error()
    }

    /// Whether credentials came that are not good.
    pub(crate) fn is_bad_login(&self) -> bool {
        self.0.bad_login
    }

    /// The answer. `realm` is the URL of the token service as this client reaches it, `service` the
    /// name it knows us by.
    pub(crate) fn into_response(self, realm: &str, service: &str) -> Response<Body> {
        let Inner {
            status,
            code,
            message,
            detail,
            headers,
            challenge,
            ..
        } = *self.0;
        let mut error = json!({ "code": code.entry().0, "message": message });
        if let Some(detail) = detail {
            error["detail"] = detail;
        }
        let mut response = answer::json(status, &json!({ "errors": [error] }));
        response.headers_mut().extend(headers);
        if let Some(challenge) = challenge {
            let challenge = challenge.header(realm, service);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl Display for Error {
    /// For the log: the public words, then every cause.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.cause {
            Some(cause) => write!(f, ": {}", chain(cause.as_ref())),
            None => Ok(()),
        }
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::BlobUnknown { .. } => Self::new(ErrorCode::BlobUnknown),
            RegistryError::ManifestUnknown { .. } => Self::new(ErrorCode::ManifestUnknown),
            RegistryError::NameUnknown { .. } => Self::new(ErrorCode::NameUnknown),
            RegistryError::Store(error) => error.into(),
        }
    }
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
            StoreError::Full { .. } => Self::new(ErrorCode::Denied)
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .saying("the registry has no space left")
                .because(error),
            StoreError::ReadOnly { .. } => Self::new(ErrorCode::Denied)
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .saying("the registry takes no changes at present")
                .because(error),
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

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
        let table: String = ALL
            .iter()
            .map(|code| {
                let (name, status, message) = code.entry();
                format!("{} {name} {message}\n", status.as_u16())
            })
            .collect();
        assert_eq!(table, GOLDEN);
    }

    fn body(response: Response<Body>) -> Value {
        let Body::Full(bytes) = response.into_body() else {
            panic!("an error has a body at hand");
        };
        serde_json::from_slice(&bytes).expect("an error is JSON")
    }

    #[test]
    fn a_failure_of_the_disk_keeps_its_path_from_the_client_and_tells_it_to_the_log() {
        let error = Error::from(StoreError::Io {
            attempt: "open",
            path: PathBuf::from("/srv/secret/blob"),
            source: io::Error::from_raw_os_error(5),
        });
        assert!(error.is_ours());
        assert!(error.to_string().contains("/srv/secret/blob"), "{error}");
        assert!(error.to_string().contains("Input/output"), "{error}");
        let response = error.into_response("https://reg/token", "reg");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let errors = json!([{ "code": "UNKNOWN", "message": "unknown error" }]);
        assert_eq!(body(response), json!({ "errors": errors }));
    }

    #[test]
    fn every_error_below_500_has_a_code_of_the_specification() {
        for code in ALL {
            let (name, status, _) = code.entry();
            let ours = matches!(code, ErrorCode::Unavailable | ErrorCode::Unknown);
            assert_eq!(status.is_server_error(), ours, "{name}");
        }
    }

    #[test]
    fn a_refused_login_is_told_where_to_get_a_token() {
        let repo = "a/b".parse().expect("a name");
        let error = Error::denied(Denied::Login, vec![Scope::pull(&repo)]);
        let response = error.into_response("https://reg/token", "reg");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"https://reg/token\",service=\"reg\",scope=\"repository:a/b:pull\""
        );
        let detail = &body(response)["errors"][0]["detail"][0];
        assert_eq!(detail["Name"], "a/b");
        assert_eq!(detail["Action"], "pull");
    }

    #[test]
    fn a_malformed_request_is_told_which_rule_it_breaks() {
        let refusal = crate::http::route::Route::parse(&http::Method::GET, "/v2/A/tags/list", None);
        let error = Error::from(refusal.expect_err("upper case"));
        let response = error.into_response("", "");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let error = body(response);
        let message = error["errors"][0]["message"].as_str().expect("a message");
        assert!(
            message.starts_with("the repository name is malformed: "),
            "{message}"
        );
    }
}
