//! From method and path to a route, or to the reason why there is none.
//!
//! Repository names contain slashes and may contain the words of the protocol (`a/blobs/b`), so a
//! path is read from its right end. It is percent-decoded exactly once, before it is taken apart: an
//! encoded slash is a slash, and every spelling of a path is judged alike.

use http::Method;
use percent_encoding::percent_decode_str;
use roadstead_storage::UploadId;
use roadstead_storage::oci::{InvalidReference, InvalidTag, Reference};

use crate::http::route::query::{Query, Target};
use crate::http::route::refusal::{Refusal, digest, repo};
use crate::http::route::{Read, Remove, Route, Write};

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
        let query = Query::new(query.unwrap_or_default());
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
