//! For tests: a blob in a store of its own, in a temporary directory, and answers made of it.
//!
//! All of it is real but the request. Nothing else may know it.

use std::fs::{File, OpenOptions};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use roadstead_storage::oci::{Algorithm, Digest, RepoName};
use roadstead_storage::{BlobReader, Config, Principal, Store};
use tempfile::TempDir;

use crate::http::answer;
use crate::http::body::{Body, Reader};
use crate::http::budget::Budget;
use crate::http::observe::{Observed, Record};
use crate::http::range::Span;
use crate::telemetry::{Endpoint, Metrics};

/// A blob that is held.
pub(crate) struct Held {
    dir: TempDir,
    blob: BlobReader,
    content: Bytes,
    budget: Budget,
}

impl Held {
    /// One of so many bytes, of which no stretch is like another.
    pub(crate) async fn new(length: u32) -> Self {
        let content: Bytes = (0..length)
            .map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        let dir = TempDir::new().expect("a directory");
        let store = Store::create_or_open(Config::new(dir.path()))
            .await
            .expect("a store");
        let repo: RepoName = "a".parse().expect("a name");
        let owner = Principal::new("test");
        let digest = Digest::of(Algorithm::Sha256, &content);
        let id = store
            .begin_upload(&repo, &owner, Algorithm::Sha256)
            .await
            .expect("an upload");
        let mut upload = store.upload(&repo, id, &owner).await.expect("the same");
        upload.append(content.clone()).await.expect("room");
        upload.commit(digest).await.expect("its digest");
        let blob = store.repo(&repo).blob(digest).await;
        Self {
            dir,
            blob: blob.expect("a disk").expect("the blob"),
            content,
            budget: Budget::new(),
        }
    }

    pub(crate) fn blob(&self) -> BlobReader {
        self.blob.clone()
    }

    pub(crate) fn content(&self) -> &Bytes {
        &self.content
    }

    /// Its file, to do harm to.
    pub(crate) fn file(&self) -> File {
        let hex = self.blob.digest().hex();
        let path = format!("blobs/sha256/{}/{hex}", &hex[..2]);
        let path = self.dir.path().join(path);
        let file = OpenOptions::new().read(true).write(true).open(path);
        file.expect("the blob's file")
    }

    /// A part of it.
    pub(crate) fn part(&self, start: u64, len: u64) -> Body {
        let span = Span { start, len };
        Body::part(Reader::Held(self.blob()), span, &self.budget)
    }

    /// Parts of it, each behind a text, with another behind the last.
    pub(crate) fn parts(&self, parts: &[(&'static str, u64, u64)], end: &'static str) -> Body {
        let parts = parts
            .iter()
            .map(|&(head, start, len)| (head.into(), Span { start, len }));
        Body::parts(Reader::Held(self.blob()), parts, end.into(), &self.budget)
    }
}

/// What a connection gets of such a body.
pub(crate) fn answer(body: Body) -> Response<Observed> {
    let octets = HeaderValue::from_static("application/octet-stream");
    let record = Record::begin(&Metrics::new(), &Method::GET, Endpoint::Unknown);
    answer::content(StatusCode::OK, octets, body).map(|body| record.answer(StatusCode::OK, body))
}
