//! What a request asks for: method, path and query, parsed into one [`Route`].
//!
//! Pure; knows neither who asks nor whether anything exists. Repository names contain slashes and
//! may contain the words of the protocol (`a/blobs/b`), so a path is read from its right end. The
//! path is percent-decoded exactly once, before it is taken apart: an encoded slash is a slash.
//! Invariant: whatever a route holds has passed the grammar of the specification.

use std::borrow::Cow;

use form_urlencoded::parse as parse_form;
use http::Method;
use percent_encoding::percent_decode_str;
use roadstead_storage::UploadId;
use roadstead_storage::oci::{
    Algorithm, Digest, InvalidAlgorithm, InvalidDigest, InvalidName, InvalidReference, InvalidTag,
    Reference, RepoName, Tag,
};
use thiserror::Error;

/// Entries of a page that does not say how many it wants, and the most one may have.
pub(crate) const MAX_PAGE: usize = 1000;
/// Tags that may be set by one push of a manifest (end-7b asks for at least 10).
const MAX_TAGS: usize = 128;

/// A request understood. `HEAD` shares the routes of `GET`.
///
/// Requests about a repository are sorted by the right they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `GET /v2/` (end-1).
    Base,
    /// `GET /ca.crt`.
    CaCertificate,
    /// `GET /v2/_catalog`.
    Catalog(Page),
    /// `GET /healthz`.
    Health,
    /// `GET /metrics`.
    Metrics,
    /// `OPTIONS` of anything: a browser asks what it may do.
    Preflight,
    /// Something is read from a repository.
    Read(RepoName, Read),
    /// `GET /readyz`.
    Ready,
    /// Something is removed from a repository.
    Remove(RepoName, Remove),
    /// `GET /token`.
    TokenGet,
    /// `POST /token`.
    TokenPost,
    /// Something is added to a repository.
    Write(RepoName, Write),
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// `GET /v2/<name>/blobs/<digest>` (end-2).
    Blob(Digest),
    /// `GET /v2/<name>/manifests/<reference>` (end-3).
    Manifest(Reference),
    /// `GET /v2/<name>/referrers/<digest>` (end-12).
    Referrers(Digest, Filter),
    /// `GET /v2/<name>/tags/list` (end-8).
    Tags(Page),
}

/// What is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remove {
    /// `DELETE /v2/<name>/blobs/<digest>` (end-10).
    Blob(Digest),
    /// `DELETE /v2/<name>/manifests/<reference>` (end-9).
    Manifest(Reference),
}

/// What is added, or is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// `PUT /v2/<name>/manifests/<reference>` (end-7a, end-7b).
    Manifest(Target),
    /// `PATCH <upload>` (end-5).
    UploadAppend(UploadId),
    /// `DELETE <upload>` (end-14).
    UploadCancel(UploadId),
    /// `PUT <upload>?digest=` (end-6).
    UploadFinish(UploadId, Digest),
    /// `POST /v2/<name>/blobs/uploads/` (end-4, end-11).
    UploadStart(Start),
    /// `GET <upload>` (end-13).
    UploadStatus(UploadId),
}

/// How an upload begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// `?mount=<digest>[&from=<name>]`: from another repository, if that can be (end-11).
    Mount {
        digest: Digest,
        from: Option<RepoName>,
    },
    /// `?digest=<digest>`: the body is the whole blob (end-4b).
    Single { digest: Digest },
    /// In steps; `?digest-algorithm=` says what it will be hashed with (end-4a, end-4c).
    Steps { algorithm: Algorithm },
}

/// Under which names a manifest is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// By its digest, and with each `?tag=` besides (end-7b).
    Digest { digest: Digest, tags: Vec<Tag> },
    /// By a tag; `?tag=` means nothing then.
    Tag(Tag),
}

/// A page of a listing: `?n=&last=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Strictly after this, whether it exists or not.
    pub(crate) after: Option<String>,
    /// At most so many; 0 asks for an empty list.
    pub(crate) limit: usize,
}

/// Which referrers are asked for: `?artifactType=`, any number of times, and where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Any of these types; none means all.
    pub(crate) artifact_types: Vec<String>,
    /// Strictly after this one.
    pub(crate) after: Option<Digest>,
}

/// Why a request is not understood, in words that may be shown.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// `digest-algorithm` names one we do not compute.
    #[error("the digest algorithm is not supported")]
    Algorithm {
        /// What the parser said.
        #[source]
        source: InvalidAlgorithm,
    },
    /// A digest in the path or the query is malformed.
    #[error("the digest is malformed")]
    Digest {
        /// What the parser said.
        #[source]
        source: InvalidDigest,
    },
    /// The closing `PUT` of an upload does not say its digest.
    #[error("the query names no digest")]
    DigestMissing,
    /// Bytes that are no text after percent-decoding.
    #[error("the path is not UTF-8 text")]
    Encoding,
    /// The path exists, the method does not.
    #[error("the method is not allowed here")]
    Method {
        /// The value of `Allow`.
        allow: &'static str,
    },
    /// A repository name in the path or the query is malformed.
    #[error("the repository name is malformed")]
    Name {
        /// What the parser said.
        #[source]
        source: InvalidName,
    },
    /// Nothing is served at this path.
    #[error("nothing is served at this path")]
    NotFound,
    /// `n` is not a number of entries.
    #[error("n is not a number of entries")]
    PageSize,
    /// A tag to be set is malformed.
    #[error("the tag is malformed")]
    Tag {
        /// What the parser said.
        #[source]
        source: InvalidTag,
    },
    /// A tag is asked for that nothing can be called: it is merely unknown.
    #[error("no tag can have that name")]
    TagUnknown,
    /// More tags in one push than we take.
    #[error("more than {MAX_TAGS} tags in one push")]
    Tags,
    /// The path names an upload in a way no upload was ever named.
    #[error("the upload id is malformed")]
    Upload,
}

impl Route {
    /// Understands a request.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is malformed or not served.
    pub(crate) fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Self, Refusal> {
        if method == Method::OPTIONS {
            return Ok(Self::Preflight);
        }
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| Refusal::Encoding)?;
        let query = Query(query.unwrap_or_default());
        if let Some(rest) = path.strip_prefix("/v2/") {
            return api(method, rest, query);
        }
        match &*path {
            "/v2" => read(method, || Ok(Self::Base)),
            "/ca.crt" => read(method, || Ok(Self::CaCertificate)),
            "/healthz" => read(method, || Ok(Self::Health)),
            "/metrics" => read(method, || Ok(Self::Metrics)),
            "/readyz" => read(method, || Ok(Self::Ready)),
            "/token" => match *method {
                Method::GET | Method::HEAD => Ok(Self::TokenGet),
                Method::POST => Ok(Self::TokenPost),
                _ => Err(Refusal::Method {
                    allow: "GET, HEAD, POST",
                }),
            },
            _ => Err(Refusal::NotFound),
        }
    }

    /// The shape of the path, for logs and metrics: it holds nothing of the request.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::Base => "/v2/",
            Self::CaCertificate => "/ca.crt",
            Self::Catalog(_) => "/v2/_catalog",
            Self::Health => "/healthz",
            Self::Metrics => "/metrics",
            Self::Preflight => "*",
            Self::Read(_, Read::Blob(_)) | Self::Remove(_, Remove::Blob(_)) => {
                "/v2/{name}/blobs/{digest}"
            }
            Self::Read(_, Read::Manifest(_))
            | Self::Remove(_, Remove::Manifest(_))
            | Self::Write(_, Write::Manifest(_)) => "/v2/{name}/manifests/{reference}",
            Self::Read(_, Read::Referrers(..)) => "/v2/{name}/referrers/{digest}",
            Self::Read(_, Read::Tags(_)) => "/v2/{name}/tags/list",
            Self::Ready => "/readyz",
            Self::TokenGet | Self::TokenPost => "/token",
            Self::Write(_, Write::UploadStart(_)) => "/v2/{name}/blobs/uploads/",
            Self::Write(
                _,
                Write::UploadAppend(_)
                | Write::UploadCancel(_)
                | Write::UploadFinish(..)
                | Write::UploadStatus(_),
            ) => "/v2/{name}/blobs/uploads/{id}",
        }
    }

    /// The repository it is about, if it is about one.
    pub(crate) fn repo(&self) -> Option<&RepoName> {
        match self {
            Self::Read(repo, _) | Self::Remove(repo, _) | Self::Write(repo, _) => Some(repo),
            _ => None,
        }
    }
}

/// Everything below `/v2/`.
fn api(method: &Method, path: &str, query: Query<'_>) -> Result<Route, Refusal> {
    match path {
        "" => return read(method, || Ok(Route::Base)),
        "_catalog" => return read(method, || query.page().map(Route::Catalog)),
        _ => {}
    }
    let (rest, last) = split(path)?;
    let (name, word) = split(rest)?;
    if (last.is_empty() && word == "uploads") || (last == "uploads" && word == "blobs") {
        // `POST .../blobs/uploads/`; clients also leave the last slash away.
        let name = if last.is_empty() {
            strip_word(name, "blobs")?
        } else {
            name
        };
        return match *method {
            Method::POST => Ok(Route::Write(
                repo(name)?,
                Write::UploadStart(query.start()?),
            )),
            _ => Err(Refusal::Method { allow: "POST" }),
        };
    }
    match word {
        "blobs" => blob(method, name, last),
        "manifests" => manifest(method, name, last, query),
        "referrers" => read(method, || {
            let repo = repo(name)?;
            Ok(Route::Read(
                repo,
                Read::Referrers(digest(last)?, query.filter()?),
            ))
        }),
        "tags" if last == "list" => read(method, || {
            Ok(Route::Read(repo(name)?, Read::Tags(query.page()?)))
        }),
        "uploads" => upload(method, strip_word(name, "blobs")?, last, query),
        _ => Err(Refusal::NotFound),
    }
}

fn blob(method: &Method, name: &str, last: &str) -> Result<Route, Refusal> {
    match *method {
        Method::GET | Method::HEAD => Ok(Route::Read(repo(name)?, Read::Blob(digest(last)?))),
        Method::DELETE => Ok(Route::Remove(repo(name)?, Remove::Blob(digest(last)?))),
        _ => Err(Refusal::Method {
            allow: "GET, HEAD, DELETE",
        }),
    }
}

fn manifest(method: &Method, name: &str, last: &str, query: Query<'_>) -> Result<Route, Refusal> {
    match *method {
        Method::GET | Method::HEAD => Ok(Route::Read(repo(name)?, Read::Manifest(existing(last)?))),
        Method::PUT => {
            let repo = repo(name)?;
            let target = match last.parse() {
                Ok(Reference::Digest(digest)) => Target::Digest {
                    digest,
                    tags: query.tags()?,
                },
                Ok(Reference::Tag(tag)) => Target::Tag(tag),
                Err(InvalidReference::Digest(source)) => return Err(Refusal::Digest { source }),
                Err(InvalidReference::Tag(source)) => return Err(Refusal::Tag { source }),
            };
            Ok(Route::Write(repo, Write::Manifest(target)))
        }
        Method::DELETE => Ok(Route::Remove(
            repo(name)?,
            Remove::Manifest(existing(last)?),
        )),
        _ => Err(Refusal::Method {
            allow: "GET, HEAD, PUT, DELETE",
        }),
    }
}

/// A reference to what should be there already.
fn existing(text: &str) -> Result<Reference, Refusal> {
    text.parse().map_err(|invalid| match invalid {
        InvalidReference::Digest(source) => Refusal::Digest { source },
        InvalidReference::Tag(InvalidTag) => Refusal::TagUnknown,
    })
}

fn upload(method: &Method, name: &str, last: &str, query: Query<'_>) -> Result<Route, Refusal> {
    let repo = repo(name)?;
    let id: UploadId = last.parse().map_err(|_| Refusal::Upload)?;
    let what = match *method {
        Method::GET | Method::HEAD => Write::UploadStatus(id),
        Method::PATCH => Write::UploadAppend(id),
        Method::PUT => {
            let asked = query.first("digest").ok_or(Refusal::DigestMissing)?;
            Write::UploadFinish(id, digest(&asked)?)
        }
        Method::DELETE => Write::UploadCancel(id),
        _ => {
            return Err(Refusal::Method {
                allow: "GET, HEAD, PATCH, PUT, DELETE",
            });
        }
    };
    Ok(Route::Write(repo, what))
}

/// A route that can only be read.
fn read(method: &Method, route: impl FnOnce() -> Result<Route, Refusal>) -> Result<Route, Refusal> {
    match *method {
        Method::GET | Method::HEAD => route(),
        _ => Err(Refusal::Method { allow: "GET, HEAD" }),
    }
}

fn split(path: &str) -> Result<(&str, &str), Refusal> {
    path.rsplit_once('/').ok_or(Refusal::NotFound)
}

fn strip_word<'a>(path: &'a str, word: &str) -> Result<&'a str, Refusal> {
    // `blobs` without anything before it is the API's word with an empty repository name.
    match path.strip_suffix(word) {
        Some("") => Ok(""),
        Some(rest) => rest.strip_suffix('/').ok_or(Refusal::NotFound),
        None => Err(Refusal::NotFound),
    }
}

fn repo(text: &str) -> Result<RepoName, Refusal> {
    text.parse().map_err(|source| Refusal::Name { source })
}

fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|source| Refusal::Digest { source })
}

/// The query, decoded by the rules of forms. Parameters we do not know mean nothing.
#[derive(Clone, Copy)]
struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn all(self, key: &'static str) -> impl Iterator<Item = Cow<'a, str>> {
        parse_form(self.0.as_bytes())
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value)
    }

    fn first(self, key: &'static str) -> Option<Cow<'a, str>> {
        self.all(key).next()
    }

    fn page(self) -> Result<Page, Refusal> {
        let limit = match self.first("n") {
            None => MAX_PAGE,
            Some(n) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number that does not fit is more than we give, too.
                n.parse().unwrap_or(MAX_PAGE).min(MAX_PAGE)
            }
            Some(_) => return Err(Refusal::PageSize),
        };
        let after = self
            .first("last")
            .filter(|last| !last.is_empty())
            .map(Cow::into_owned);
        Ok(Page { after, limit })
    }

    fn filter(self) -> Result<Filter, Refusal> {
        let artifact_types = self.all("artifactType").map(Cow::into_owned).collect();
        let after = self.first("last").map(|last| digest(&last)).transpose()?;
        Ok(Filter {
            artifact_types,
            after,
        })
    }

    fn start(self) -> Result<Start, Refusal> {
        if let Some(mount) = self.first("mount") {
            let from = self.first("from").map(|name| repo(&name)).transpose()?;
            return Ok(Start::Mount {
                digest: digest(&mount)?,
                from,
            });
        }
        if let Some(asked) = self.first("digest") {
            return Ok(Start::Single {
                digest: digest(&asked)?,
            });
        }
        let algorithm = match self.first("digest-algorithm") {
            None => Algorithm::Sha256,
            Some(name) => name
                .parse()
                .map_err(|source| Refusal::Algorithm { source })?,
        };
        Ok(Start::Steps { algorithm })
    }

    fn tags(self) -> Result<Vec<Tag>, Refusal> {
        let mut tags = Vec::new();
        for text in self.all("tag") {
            let tag: Tag = text.parse().map_err(|source| Refusal::Tag { source })?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            if tags.len() > MAX_TAGS {
                return Err(Refusal::Tags);
            }
        }
        Ok(tags)
    }
}

#[cfg(test)]
mod tests;
