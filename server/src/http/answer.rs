//! The plain shapes of answers: nothing, JSON, text; and what each of them carries.
//!
//! Lengths are always said, for hyper does not compute one for `HEAD`. Never compresses: the Go
//! clients would decode silently and then miss lengths and ranges.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::http::body::Body;
use crate::http::header::value;
use crate::http::id::Id;
use crate::telemetry::Endpoint;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How many headers are added to each.
const COMMON: usize = 6;

/// An answer without a body. 204 and 304 carry no length at all.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    if !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// An answer without a body that says where something is: a path beginning with `/`, for only that
/// form survives every client and every proxy.
pub(crate) fn located(status: StatusCode, path: String) -> Response<Body> {
    let mut response = empty(status);
    response.headers_mut().insert(LOCATION, value(path));
    response
}

/// An answer of a given type.
pub(crate) fn content(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let length = body.left().map(HeaderValue::from);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    response
}

/// A JSON document. Its type carries no parameter, for some clients compare it literally.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(document).expect("our documents have text keys and no failure");
    content(
        status,
        HeaderValue::from_static("application/json"),
        Body::Full(bytes.into()),
    )
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    content(status, content_type, Body::Full(text.into().into()))
}

/// What every answer carries.
pub(crate) fn decorate(headers: &mut HeaderMap, endpoint: Endpoint, id: Id) {
    headers.reserve(COMMON);
    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    headers.insert(REQUEST_ID, id.into());
    // Strangers' content is served under our name: no browser shall take it for a page of ours.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    );
    // Pages of others may use the API, never the metrics that are open to this machine.
    let route = endpoint.template();
    if route.starts_with("/v2/") || matches!(endpoint, Endpoint::Token | Endpoint::Preflight) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(
                "Docker-Content-Digest, Link, WWW-Authenticate, OCI-Filters-Applied, OCI-Subject, \
                 OCI-Tag",
            ),
        );
    }
}
