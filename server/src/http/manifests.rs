//! Manifests: read, push by tag and by digest, delete (end-3, end-7, end-9).
//!
//! What was pushed is served byte for byte under the type it was pushed as, whatever `Accept` says:
//! any conversion would change the digest. A manifest whose content is not all here is accepted, for
//! partial mirrors and signatures are such, and its client is warned.

use std::panic::resume_unwind;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, WARNING};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use roadstead_mirror::Stale;
use roadstead_storage::Stored;
use roadstead_storage::oci::{
    Algorithm, Digest, InvalidManifest, MAX_MANIFEST, Manifest, MediaType, Reference,
};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::info;

use crate::auth::grant::{Delete, Grant, Pull, Push};
use crate::http::answer;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::header::{
    DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, etag, is_held, value, warning,
};
use crate::http::payload::Payload;
use crate::http::route::Target;
use crate::registry::{Described, Found, Registry};

/// Manifests that are received and parsed at the same time: each is in memory as a whole.
pub(crate) const MAX_AT_ONCE: usize = 8;
/// About as many headers as the answer with a manifest has in the end.
const HEADERS: usize = 12;

/// What an answer with a manifest says of it: made once, and kept beside it in the store's memory.
#[derive(Debug, Clone)]
struct Ready {
    content_type: HeaderValue,
    length: HeaderValue,
    digest: HeaderValue,
    etag: HeaderValue,
}

impl Ready {
    /// Its type is said as it is stored, with no parameter: clients compare it literally.
    fn new(digest: &Digest, media_type: &MediaType, size: u64) -> Self {
        Self {
            content_type: value(media_type.to_string()),
            length: size.into(),
            digest: value(digest.to_string()),
            etag: etag(digest),
        }
    }

    fn of(stored: &Stored) -> &Self {
        let Stored {
            digest,
            media_type,
            bytes,
            prepared,
        } = stored;
        prepared.get_or_make(|| Self::new(digest, media_type, bytes.len() as u64))
    }

    /// The manifest has this body.
    fn answer(&self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(CONTENT_LENGTH, self.length.clone());
        self.name(headers);
        response
    }

    /// The client has it already.
    fn held(&self) -> Response<Body> {
        let mut response = answer::empty(StatusCode::NOT_MODIFIED);
        self.name(response.headers_mut());
        response
    }

    fn name(&self, headers: &mut HeaderMap) {
        headers.insert(DOCKER_CONTENT_DIGEST, self.digest.clone());
        headers.insert(ETAG, self.etag.clone());
    }
}

/// The answer to `GET` and `HEAD` of a manifest, if that can be given without waiting for anything.
pub(crate) fn at_hand(
    registry: &Registry,
    grant: &Grant<Pull>,
    reference: &Reference,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    let at_hand = registry.at_hand(grant, reference)?;
    Some(given(at_hand.stored(), method, headers))
}

/// `GET` and `HEAD` of a manifest. One that is at hand is given without waiting for anything.
///
/// # Errors
/// When the manifest is not in this repository, or the disk fails.
pub(crate) async fn read(
    registry: &Registry,
    grant: &Grant<Pull>,
    reference: &Reference,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Body>, Error> {
    if let Some(response) = at_hand(registry, grant, reference, method, headers) {
        return Ok(response);
    }
    if method == Method::HEAD || headers.contains_key(IF_NONE_MATCH) {
        let Described {
            digest,
            media_type,
            size,
            stale,
        } = registry.describe_manifest(grant, reference).await?;
        let ready = Ready::new(&digest, &media_type, size);
        if is_held(headers, &digest) {
            return Ok(warned(ready.held(), stale));
        }
        if method == Method::HEAD {
            return Ok(warned(ready.answer(Body::Empty), stale));
        }
    }
    let Found { stored, stale } = registry.manifest(grant, reference).await?;
    Ok(warned(given(&stored, method, headers), stale))
}

fn given(stored: &Stored, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let ready = Ready::of(stored);
    if headers.contains_key(IF_NONE_MATCH) && is_held(headers, &stored.digest) {
        ready.held()
    } else if method == Method::HEAD {
        ready.answer(Body::Empty)
    } else {
        ready.answer(Body::Full(stored.bytes.clone()))
    }
}

fn warned(mut response: Response<Body>, stale: Option<Stale>) -> Response<Body> {
    if let Some(stale) = stale {
        response.headers_mut().insert(WARNING, warning(&stale));
    }
    response
}

/// `PUT` of a manifest.
///
/// # Errors
/// When it is too large, is no manifest, has another digest than its path, would move an immutable
/// tag, or the store refuses.
pub(crate) async fn put(
    registry: &Registry,
    grant: &Grant<Push>,
    target: Target,
    headers: &HeaderMap,
    payload: &mut Payload,
    at_once: &Semaphore,
) -> Result<Response<Body>, Error> {
    let _permit = at_once
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let bytes = payload.all(MAX_MANIFEST).await?;
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
    let manifest = parse(content_type, bytes).await?;
    let subject = manifest.subject().map(|subject| subject.digest);
    let (digest, tags, by_digest) = match target {
        Target::Digest { digest, tags } => (digest, tags, true),
        Target::Tag(tag) => (manifest.digest(Algorithm::Sha256), vec![tag], false),
    };
    let outcome = registry.put_manifest(grant, manifest, digest, tags).await?;

    let repo = grant.repo();
    let location = format!("/v2/{repo}/manifests/{digest}");
    let mut response = answer::located(StatusCode::CREATED, location);
    let headers = response.headers_mut();
    headers.insert(DOCKER_CONTENT_DIGEST, value(digest.to_string()));
    if let Some(subject) = subject {
        headers.insert(OCI_SUBJECT, value(subject.to_string()));
    }
    if by_digest {
        for (tag, _) in &outcome.tags {
            headers.append(OCI_TAG, value(tag.to_string()));
        }
    }
    let missing = outcome.missing.len();
    if missing > 0 {
        info!(%repo, %digest, missing, "Stored a manifest whose content is not all here");
        let text = format!(
            "299 - \"{missing} of the blobs and manifests it refers to are not in this repository\""
        );
        headers.insert(WARNING, value(text));
    }
    Ok(response)
}

/// `DELETE` of a tag, or of a manifest with all its tags.
///
/// # Errors
/// When it is not in this repository, deleting is disabled, a tag is immutable, or the disk fails.
pub(crate) async fn delete(
    registry: &Registry,
    grant: &Grant<Delete>,
    reference: &Reference,
) -> Result<Response<Body>, Error> {
    registry.delete_manifest(grant, reference).await?;
    Ok(answer::empty(StatusCode::ACCEPTED))
}

/// Parses off the threads that serve: a large manifest takes milliseconds, which everybody else's
/// requests would wait for.
async fn parse(content_type: Option<String>, bytes: Bytes) -> Result<Manifest, InvalidManifest> {
    let parsed = spawn_blocking(move || Manifest::parse(content_type.as_deref(), bytes)).await;
    parsed.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}
