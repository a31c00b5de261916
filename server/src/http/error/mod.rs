//! What a client is told when something fails.
//!
//! `code.rs` is the table of codes, `from.rs` says which failure is which; here is the answer they
//! become. Two texts: the public one, short and made by us, goes to the client; the chain of causes
//! goes to the log beside the request's id. Invariant: nothing of a cause, least of all a path,
//! reaches an answer of 500 and above.

mod code;
mod from;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Display, Formatter};

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::ext::ReasonPhrase;
use serde_json::{Value, json};

use crate::auth::AuthError;
use crate::auth::grant::Denied;
use crate::http::answer;
use crate::http::body::Body;
use crate::http::challenge::{Challenge, Problem, Scope};
use crate::report::chain;

pub(crate) use self::code::ErrorCode;

/// Seconds after which a client may well try again.
const SOON: HeaderValue = HeaderValue::from_static("5");

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
        let mut error = json!({ "code": code.entry().0, "message": &message });
        if let Some(detail) = detail {
            error["detail"] = detail;
        }
        let mut response = answer::json(status, &json!({ "errors": [error] }));
        response.headers_mut().extend(headers);
        // Of a server's failure podman, buildah and skopeo show nothing but the status line.
        if status.is_server_error()
            && let Ok(reason) = ReasonPhrase::try_from(message.into_owned())
        {
            response.extensions_mut().insert(reason);
        }
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use roadstead_storage::Error as StoreError;

    use super::*;

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
        let reason = response.extensions().get::<ReasonPhrase>();
        assert_eq!(
            reason.map(ReasonPhrase::as_bytes),
            Some(&b"unknown error"[..])
        );
        let errors = json!([{ "code": "UNKNOWN", "message": "unknown error" }]);
        assert_eq!(body(response), json!({ "errors": errors }));
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
