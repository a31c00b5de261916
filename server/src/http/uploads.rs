//! Uploads: begin, append, ask, finish, cancel, and mounts (end-4 to end-6, end-11, end-13, end-14).
//!
//! Owns the order of chunks and what a refused one leaves behind: nothing. A body that breaks off
//! leaves what arrived, and the status tells how much that is. A short body is taken in one step, for all
//! that is done for a long one would cost more than the bytes. Memory: one batch in hand and one being
//! written, of the size the budget allows. It knows no file.

use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderMap, Response, StatusCode};
use roadstead_storage::oci::{Digest, RepoName};
use roadstead_storage::{Batch, Upload, UploadId};

use crate::auth::grant::{Grant, Pull, Push};
use crate::http::answer;
use crate::http::body::Body;
use crate::http::budget::Budget;
use crate::http::error::{Error, ErrorCode};
use crate::http::header::{Chunk, DOCKER_CONTENT_DIGEST, DOCKER_UPLOAD_UUID, upload_range, value};
use crate::http::payload::Payload;
use crate::http::route::Start;
use crate::registry::Registry;

/// A body of at most so many bytes is taken in one step.
const SHORT: usize = 64 * 1024;

/// `POST`: begins an upload, takes a whole blob, or mounts one.
///
/// `may_pull` gives the grant to mount from a repository, if the caller has it.
///
/// # Errors
/// When a whole blob is not what its digest says or does not arrive, or the store refuses.
pub(crate) async fn start(
    registry: &Registry,
    grant: &Grant<Push>,
    start: Start,
    payload: &mut Payload,
    budget: &Budget,
    may_pull: impl Fn(&RepoName) -> Option<Grant<Pull>>,
) -> Result<Response<Body>, Error> {
    let algorithm = match start {
        Start::Single { digest } => {
            return single(registry, grant, digest, payload, budget).await;
        }
        Start::Mount { digest, from } => {
            let sources = match from {
                Some(from) => vec![from],
                None => registry.holders(digest).await,
            };
            for source in sources.iter().filter_map(may_pull) {
                if registry.mount(grant, digest, &source).await? {
                    return Ok(created(grant, digest));
                }
            }
            // Whatever the reason, the client can always upload; any other answer would make
            // containerd give up, and tell a stranger what is where.
            digest.algorithm()
        }
        Start::Steps { algorithm } => algorithm,
    };
    let id = registry.begin_upload(grant, algorithm).await?;
    Ok(progress(StatusCode::ACCEPTED, grant, id, 0))
}

/// `PATCH`: appends the body.
///
/// # Errors
/// When the upload is unknown, the chunk is out of order or not as long as it says, the body breaks
/// off, or the store refuses.
pub(crate) async fn append(
    registry: &Registry,
    grant: &Grant<Push>,
    id: UploadId,
    headers: &HeaderMap,
    payload: &mut Payload,
    budget: &Budget,
) -> Result<Response<Body>, Error> {
    let chunk = chunk(headers)?;
    let mut upload = registry.upload(grant, id).await?;
    receive(&mut upload, grant, chunk, payload, budget).await?;
    let offset = upload.suspend().await?;
    Ok(progress(StatusCode::ACCEPTED, grant, id, offset))
}

/// `PUT`: appends the body, if there is one, and makes the upload the blob `digest`.
///
/// # Errors
/// As [`append`], and when the content has another digest: the upload is gone then.
pub(crate) async fn finish(
    registry: &Registry,
    grant: &Grant<Push>,
    id: UploadId,
    digest: Digest,
    headers: &HeaderMap,
    payload: &mut Payload,
    budget: &Budget,
) -> Result<Response<Body>, Error> {
    let chunk = chunk(headers)?;
    if chunk.is_none()
        && let Some(last) = short(payload, budget).await
    {
        registry.finish_upload(grant, id, last, digest).await?;
        return Ok(created(grant, digest));
    }
    let mut upload = registry.upload(grant, id).await?;
    receive(&mut upload, grant, chunk, payload, budget).await?;
    upload.commit(digest).await?;
    Ok(created(grant, digest))
}

/// `GET`: how far the upload has come.
///
/// # Errors
/// When the upload is unknown, or another request keeps writing to it.
pub(crate) async fn status(
    registry: &Registry,
    grant: &Grant<Push>,
    id: UploadId,
) -> Result<Response<Body>, Error> {
    let upload = registry.upload(grant, id).await?;
    Ok(progress(StatusCode::NO_CONTENT, grant, id, upload.offset()))
}

/// `DELETE`: gives the upload up.
///
/// # Errors
/// When the upload is unknown, or another request keeps writing to it.
pub(crate) async fn cancel(
    registry: &Registry,
    grant: &Grant<Push>,
    id: UploadId,
) -> Result<Response<Body>, Error> {
    registry.upload(grant, id).await?.cancel().await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

async fn single(
    registry: &Registry,
    grant: &Grant<Push>,
    digest: Digest,
    payload: &mut Payload,
    budget: &Budget,
) -> Result<Response<Body>, Error> {
    if let Some(content) = short(payload, budget).await {
        registry.put_blob(grant, digest, content).await?;
        return Ok(created(grant, digest));
    }
    let id = registry.begin_upload(grant, digest.algorithm()).await?;
    let mut upload = registry.upload(grant, id).await?;
    if let Err(error) = receive(&mut upload, grant, None, payload, budget).await {
        // The client was never told of the session, so nobody could go on with it.
        upload.cancel().await?;
        return Err(error);
    }
    upload.commit(digest).await?;
    Ok(created(grant, digest))
}

/// The body, if it is short and comes whole. Else none of it is taken.
async fn short(payload: &mut Payload, budget: &Budget) -> Option<Batch> {
    let share = budget.share();
    payload.whole(share.piece().min(SHORT)).await
}

/// Appends the body to the upload, all of it in its place or nothing.
async fn receive(
    upload: &mut Upload,
    grant: &Grant<Push>,
    chunk: Option<Chunk>,
    payload: &mut Payload,
    budget: &Budget,
) -> Result<(), Error> {
    let begin = upload.offset();
    if let Some(chunk) = chunk {
        if chunk.start != begin {
            return Err(out_of_order(grant, upload.id(), begin));
        }
        if payload
            .announced()
            .is_some_and(|announced| announced != chunk.len)
        {
            return Err(Error::new(ErrorCode::SizeInvalid));
        }
    }
    let share = budget.share();
    let mut length = 0;
    while let Some(batch) = payload.batch(share.piece()).await? {
        length += batch.len() as u64;
        if chunk.is_some_and(|chunk| length > chunk.len) {
            break;
        }
        upload.append(batch).await?;
    }
    if chunk.is_some_and(|chunk| length != chunk.len) {
        upload.truncate(begin).await?;
        return Err(Error::new(ErrorCode::SizeInvalid));
    }
    Ok(())
}

fn chunk(headers: &HeaderMap) -> Result<Option<Chunk>, Error> {
    let Some(range) = headers.get(CONTENT_RANGE) else {
        return Ok(None);
    };
    let malformed = || Error::new(ErrorCode::BlobUploadInvalid).saying("malformed Content-Range");
    Chunk::parse(range).ok_or_else(malformed).map(Some)
}

/// The upload stays; regclient goes on from a refusal that has both headers. At its very beginning
/// there is no `Range` that says "nothing", so there is none.
fn out_of_order(grant: &Grant<Push>, id: UploadId, offset: u64) -> Error {
    let error = Error::new(ErrorCode::BlobUploadInvalid)
        .status(StatusCode::RANGE_NOT_SATISFIABLE)
        .saying(format!(
            "the chunk does not begin at {offset}, where the upload ends"
        ))
        .header(LOCATION, value(location(grant, id)));
    if offset == 0 {
        error
    } else {
        error.header(RANGE, upload_range(offset))
    }
}

fn progress(status: StatusCode, grant: &Grant<Push>, id: UploadId, offset: u64) -> Response<Body> {
    let mut response = answer::located(status, location(grant, id));
    response.headers_mut().insert(RANGE, upload_range(offset));
    response
        .headers_mut()
        .insert(DOCKER_UPLOAD_UUID, value(id.to_string()));
    response
}

fn created(grant: &Grant<Push>, digest: Digest) -> Response<Body> {
    let blob = format!("/v2/{}/blobs/{digest}", grant.repo());
    let mut response = answer::located(StatusCode::CREATED, blob);
    response
        .headers_mut()
        .insert(DOCKER_CONTENT_DIGEST, value(digest.to_string()));
    response
}

fn location(grant: &Grant<Push>, id: UploadId) -> String {
    format!("/v2/{}/blobs/uploads/{id}", grant.repo())
}
