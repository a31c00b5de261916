//! Manifests of an upstream, read whole and checked.

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName};
use roadstead_storage::oci::{
    Algorithm, Digest, InvalidManifest, MAX_MANIFEST, Manifest, MediaType, Reference, RepoName,
};

use super::scope::Scope;
use super::site::{Part, Question, Site};
use super::{Client, Patience};
use crate::error::Error;
use crate::net::Answer;
use crate::note::Note;

/// Every type there is, the two old ones too: without them some registries find nothing, and with them
/// we can say what it was.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v1+prettyjws, \
    application/vnd.docker.distribution.manifest.v1+json";

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A manifest as an upstream has it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What it is.
    pub manifest: Manifest,
    /// Of its bytes: as it was asked for, or sha256.
    pub digest: Digest,
}

impl Client {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DigestMismatch`], and whatever keeps an upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn manifest(
        &self,
        repo: &RepoName,
        reference: &Reference,
        patience: Patience,
    ) -> Result<Fetched, Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        self.ask(patience, |site| async move {
            if patience == Patience::Job {
                site.spare()?;
            }
            let question = question(&site, Method::GET, repo, reference, scope)?;
            let mut answer = self.put(&site, &question).await?;
            let bytes = answer.collect(MAX_MANIFEST).await;
            let bytes = bytes.map_err(|failure| Error::transfer(answer.url(), failure))?;
            self.notes.tell(Note::Received {
                bytes: bytes.len() as u64,
            });
            read(&answer, bytes, reference)
        })
        .await
    }

    /// Asks what a tag names at present, or whether a manifest is there, and nothing more. `None` when
    /// the upstream does not say the digest, or leads elsewhere: what lies there may be read only.
    ///
    /// The digest is what the upstream says; only reading the manifest shows whether it is true.
    ///
    /// # Errors
    /// As [`Client::manifest`].
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn manifest_digest(
        &self,
        repo: &RepoName,
        reference: &Reference,
        patience: Patience,
    ) -> Result<Option<Digest>, Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        self.ask(patience, |site| async move {
            let question = question(&site, Method::HEAD, repo, reference, scope)?;
            let answer = self.put(&site, &question).await?;
            Ok(answer.text(DIGEST).and_then(|text| text.parse().ok()))
        })
        .await
    }
}

fn question<'a>(
    site: &Site,
    method: Method,
    repo: &RepoName,
    reference: &Reference,
    scope: &'a Scope,
) -> Result<Question<'a>, Error> {
    Ok(Question {
        method,
        url: site.url(&format!("{repo}/manifests/{reference}"))?,
        scope,
        accept: ACCEPT,
        part: Part::From(0),
    })
}

fn read(answer: &Answer, bytes: Bytes, reference: &Reference) -> Result<Fetched, Error> {
    let algorithm = match reference {
        Reference::Digest(digest) => digest.algorithm(),
        Reference::Tag(_) => Algorithm::Sha256,
    };
    let actual = Digest::of(algorithm, &bytes);
    let url = answer.url();
    if let Reference::Digest(expected) = reference
        && *expected != actual
    {
        return Err(Error::DigestMismatch {
            url: url.into(),
            actual,
        });
    }
    let manifest = parse(answer.text(CONTENT_TYPE), bytes);
    let manifest = manifest.map_err(|source| Error::Manifest {
        url: url.into(),
        source,
    })?;
    Ok(Fetched {
        manifest,
        digest: actual,
    })
}

/// Reads a manifest by what the upstream says it is; by its own word where the upstream says nothing of
/// use, as with `text/plain`; by its shape where it has no word.
fn parse(content_type: Option<&str>, bytes: Bytes) -> Result<Manifest, InvalidManifest> {
    let told = content_type.and_then(|text| text.parse::<MediaType>().ok());
    if let Some(told) = told.filter(|told| told.is_image() || told.is_index()) {
        return Manifest::parse(Some(told.as_str()), bytes);
    }
    let error = match Manifest::parse(None, bytes.clone()) {
        Ok(manifest) => return Ok(manifest),
        Err(error) => error,
    };
    let shapes = [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST];
    let mut read = shapes
        .iter()
        .map(|shape| Manifest::parse(Some(shape.as_str()), bytes.clone()));
    read.find_map(Result::ok).ok_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
    const IMAGE: &str = r#"{"schemaVersion":2,"config":{"mediaType":"a/b","size":2,
        "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}"#;

    #[track_caller]
    fn check(content_type: Option<&str>, body: &str, expected: Option<&MediaType>) {
        let read = parse(content_type, body.to_owned().into()).ok();
        let media_type = read.map(|manifest| manifest.media_type().clone());
        assert_eq!(media_type.as_ref(), expected, "{content_type:?} {body}");
    }

    #[test]
    fn a_manifest_is_what_it_looks_like_where_nobody_says() {
        for content_type in [None, Some("text/plain; charset=utf-8"), Some("nonsense")] {
            check(content_type, INDEX, Some(&MediaType::OCI_INDEX));
            check(content_type, IMAGE, Some(&MediaType::OCI_MANIFEST));
        }
    }

    #[test]
    fn what_it_says_of_itself_wins_over_a_type_of_no_use() {
        let typed = INDEX.replace(
            "2,",
            &format!(r#"2,"mediaType":"{}","#, MediaType::DOCKER_LIST),
        );
        check(
            Some("application/json"),
            &typed,
            Some(&MediaType::DOCKER_LIST),
        );
        check(Some(MediaType::OCI_INDEX.as_str()), &typed, None);
    }

    #[test]
    fn schema_one_is_refused() {
        check(None, r#"{"schemaVersion":1,"fsLayers":[]}"#, None);
    }
}
