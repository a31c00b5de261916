//! The token service as HTTP: `GET` as docker began it, `POST` as `OAuth2` writes it.
//!
//! Reads the two forms into one request for `auth`, which decides. Invariant: whatever is answered
//! here may hold a secret, so no cache keeps it.

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::auth::{Authenticator, Proof, TokenRequest};
use crate::http::answer;
use crate::http::body::Body;
use crate::http::challenge::Challenge;
use crate::http::error::{Error, ErrorCode};
use crate::http::payload::Payload;

/// Larger than any request for a token: docker pushes to a handful of repositories at once.
const MAX_FORM: usize = 64 * 1024;

/// `GET /token`: credentials, if any, are in the `Authorization` header. What `account` says is no
/// proof of anything.
///
/// # Errors
/// When the credentials are wrong, or strangers get no tokens.
pub(crate) async fn get(
    auth: &Authenticator,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Response<Body>, Error> {
    let form = Form::parse(query.unwrap_or_default().as_bytes());
    let offline = form.first("offline_token") == Some("true");
    issue(auth, headers, form.request(Proof::Header, offline)).await
}

/// `POST /token`: credentials are in the form.
///
/// # Errors
/// When the form is not understood or the credentials are wrong.
pub(crate) async fn post(
    auth: &Authenticator,
    headers: &HeaderMap,
    payload: &mut Payload,
) -> Result<Response<Body>, Error> {
    let body = payload.all(MAX_FORM).await?;
    let form = Form::parse(&body);
    let text = |name| form.first(name).map(str::to_owned);
    let proof = match form.first("grant_type") {
        Some("password") => text("username")
            .zip(text("password"))
            .map(|(username, password)| Proof::Password { username, password }),
        Some("refresh_token") => text("refresh_token").map(|token| Proof::Refresh { token }),
        _ => None,
    };
    let Some(proof) = proof else {
        return Err(Error::new(ErrorCode::Unsupported)
            .status(StatusCode::BAD_REQUEST)
            .saying("a token is given for grant_type password or refresh_token"));
    };
    let offline = form.first("access_type") == Some("offline");
    issue(auth, headers, form.request(proof, offline)).await
}

async fn issue(
    auth: &Authenticator,
    headers: &HeaderMap,
    request: TokenRequest,
) -> Result<Response<Body>, Error> {
    let answer = auth.issue(headers, request).await;
    let answer = answer.map_err(|error| Error::login_failed(error, Challenge::Basic))?;
    let mut response = answer::json(StatusCode::OK, &answer);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The fields of a query or of a form, in their order.
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// `scope` may stand there several times, and several scopes in one of them.
    fn request(&self, proof: Proof, offline: bool) -> TokenRequest {
        let scopes = self.0.iter().filter(|(field, _)| field == "scope");
        TokenRequest {
            proof,
            scopes: scopes.map(|(_, value)| value.clone()).collect(),
            offline,
        }
    }
}
