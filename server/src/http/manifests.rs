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

/// `GET` and `HEAD` of a manifest.
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
    if method == Method::HEAD || headers.contains_key(IF_NONE_MATCH) {
        let Described {
            digest,
            media_type: of_type,
            size,
            stale,
        } = registry.describe_manifest(grant, reference).await?;
        if is_held(headers, &digest) {
            let response = answer::empty(StatusCode::NOT_MODIFIED);
            return Ok(described(response, &digest, stale));
        }
        if method == Method::HEAD {
            let mut response = answer::empty(StatusCode::OK);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, media_type(&of_type));
            headers.insert(CONTENT_LENGTH, size.into());
            return Ok(described(response, &digest, stale));
        }
    }
    let Found { stored, stale } = registry.manifest(grant, reference).await?;
    let content_type = media_type(&stored.media_type);
    let response = answer::content(StatusCode::OK, content_type, Body::Full(stored.bytes));
    Ok(described(response, &stored.digest, stale))
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

/// As stored, with no parameter: clients compare it literally.
fn media_type(media_type: &MediaType) -> HeaderValue {
    value(media_type.to_string())
}

fn described(
    mut response: Response<Body>,
    digest: &Digest,
    stale: Option<Stale>,
) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(DOCKER_CONTENT_DIGEST, value(digest.to_string()));
    headers.insert(ETAG, etag(digest));
    if let Some(stale) = stale {
        headers.insert(WARNING, warning(&stale));
    }
    response
}
