//! Blobs: read them, whole or in parts, and let a repository forget them (end-2, end-10).
//!
//! Knows ranges and conditions; who may is settled by the grant. Every answer names the digest that
//! was asked for, and says that the content will never be another.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use roadstead_mirror::Passing;
use roadstead_storage::oci::Digest;
use uuid::Uuid;

use crate::auth::grant::{Delete, Grant, Pull};
use crate::http::answer;
use crate::http::body::{Body, Reader};
use crate::http::budget::{Budget, SMALLEST};
use crate::http::error::{Error, ErrorCode};
use crate::http::header::{DOCKER_CONTENT_DIGEST, etag, is_held, value};
use crate::http::range::{Selection, Span, selection};
use crate::registry::{Content, Registry};

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The answer to `GET` of a small blob, if it can be given whole and without waiting for anything. It takes
/// no share of the budget, for any transfer may have as much at once.
pub(crate) fn at_hand(
    registry: &Registry,
    grant: &Grant<Pull>,
    digest: Digest,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    if method != Method::GET || headers.contains_key(RANGE) || headers.contains_key(IF_NONE_MATCH) {
        return None;
    }
    let bytes = registry.small_blob(grant, digest, SMALLEST)?;
    let response = answer::content(StatusCode::OK, OCTETS, Body::Full(bytes));
    Some(described(response, &digest))
}

/// `GET` and `HEAD` of a blob.
///
/// # Errors
/// When the blob is not in this repository, or the disk fails.
pub(crate) async fn read(
    registry: &Registry,
    grant: &Grant<Pull>,
    digest: Digest,
    method: &Method,
    headers: &HeaderMap,
    budget: &Budget,
) -> Result<Response<Body>, Error> {
    if method == Method::HEAD || is_held(headers, &digest) {
        let size = registry.blob_size(grant, digest).await?;
        if is_held(headers, &digest) {
            return Ok(described(answer::empty(StatusCode::NOT_MODIFIED), &digest));
        }
        let mut response = answer::empty(StatusCode::OK);
        response.headers_mut().insert(CONTENT_TYPE, OCTETS);
        response.headers_mut().insert(CONTENT_LENGTH, size.into());
        return Ok(described(response, &digest));
    }
    let blob = match registry.blob(grant, digest).await? {
        Content::Arriving(reader) => Reader::Arriving(reader),
        Content::Held(blob) => Reader::Held(blob),
        Content::Passing(blob) => return Ok(described(straight(blob, headers, &digest)?, &digest)),
    };
    let (blob, size) = blob.sized().await?;
    let response = match selection(headers, &digest, size) {
        Selection::Whole if size == 0 => answer::content(StatusCode::OK, OCTETS, Body::Empty),
        Selection::Whole => {
            let whole = Span {
                start: 0,
                len: size,
            };
            answer::content(StatusCode::OK, OCTETS, Body::part(blob, whole, budget))
        }
        Selection::Parts(spans) => match spans[..] {
            [span] => part(blob, span, size, budget),
            _ => parts(blob, &spans, size, budget),
        },
        Selection::Unsatisfiable => return Err(unsatisfiable(size)),
    };
    Ok(described(response, &digest))
}

/// A blob that passes by the store: all of it, or one part of it. Several parts are not picked out of
/// it, for which RFC 9110 (section 14.2) lets a server give the whole.
fn straight(
    blob: Box<Passing>,
    headers: &HeaderMap,
    digest: &Digest,
) -> Result<Response<Body>, Error> {
    let whole = |blob| answer::content(StatusCode::OK, OCTETS, Body::passing(blob, None));
    let Some(size) = blob.size() else {
        return Ok(whole(blob));
    };
    match selection(headers, digest, size) {
        Selection::Parts(spans) if spans.len() == 1 => {
            let range = value(spans[0].content_range(size));
            let body = Body::passing(blob, Some(spans[0]));
            let mut response = answer::content(StatusCode::PARTIAL_CONTENT, OCTETS, body);
            response.headers_mut().insert(CONTENT_RANGE, range);
            Ok(response)
        }
        Selection::Unsatisfiable => Err(unsatisfiable(size)),
        Selection::Whole | Selection::Parts(_) => Ok(whole(blob)),
    }
}

fn unsatisfiable(size: u64) -> Error {
    Error::new(ErrorCode::SizeInvalid)
        .status(StatusCode::RANGE_NOT_SATISFIABLE)
        .saying("the range lies outside the blob")
        .header(CONTENT_RANGE, value(format!("bytes */{size}")))
}

/// `DELETE` of a blob: this repository serves it no more.
///
/// # Errors
/// When the blob is not in this repository, deleting is disabled, or the disk fails.
pub(crate) async fn delete(
    registry: &Registry,
    grant: &Grant<Delete>,
    digest: Digest,
) -> Result<Response<Body>, Error> {
    registry.delete_blob(grant, digest).await?;
    Ok(answer::empty(StatusCode::ACCEPTED))
}

fn part(blob: Reader, span: Span, size: u64, budget: &Budget) -> Response<Body> {
    let range = value(span.content_range(size));
    let body = Body::part(blob, span, budget);
    let mut response = answer::content(StatusCode::PARTIAL_CONTENT, OCTETS, body);
    response.headers_mut().insert(CONTENT_RANGE, range);
    response
}

/// Several ranges as `multipart/byteranges` (RFC 9110 section 14.6): one part for each, in the order
/// asked, for containers/image matches them by position.
fn parts(blob: Reader, spans: &[Span], size: u64, budget: &Budget) -> Response<Body> {
    // Not to be found in any content; plain letters, so that it needs no quotation marks.
    let boundary = Uuid::new_v4().simple().to_string();
    let head = |index: usize, span: &Span| {
        let begin = if index == 0 { "" } else { "\r\n" };
        let range = span.content_range(size);
        Bytes::from(format!(
            "{begin}--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Range: {range}\r\n\r\n"
        ))
    };
    let parts: Vec<_> = spans
        .iter()
        .enumerate()
        .map(|(index, span)| (head(index, span), *span))
        .collect();
    let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let content_type = value(format!("multipart/byteranges; boundary={boundary}"));
    let body = Body::parts(blob, parts, end, budget);
    answer::content(StatusCode::PARTIAL_CONTENT, content_type, body)
}

/// What every answer about a blob says.
fn described(mut response: Response<Body>, digest: &Digest) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Only the client itself may keep it: whether the next one may have it is for us to say.
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=31536000, immutable"),
    );
    headers.insert(DOCKER_CONTENT_DIGEST, value(digest.to_string()));
    headers.insert(ETAG, etag(digest));
    response
}
