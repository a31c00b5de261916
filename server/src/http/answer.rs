//! The plain shapes of answers: nothing, JSON, text.
//!
//! Lengths are always said, for hyper does not compute one for `HEAD`. Never compresses: the Go
//! clients would decode silently and then miss lengths and ranges.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::http::body::Body;
use crate::http::header::value;

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
