//! What the contract tests of the store share: a store in a directory of its own, and content.

#![expect(dead_code, reason = "each test program uses its own part")]

use std::path::Path;

use bytes::Bytes;
use roadstead_storage::oci::{Algorithm, Digest, Manifest, MediaType, RepoName, Tag};
use roadstead_storage::{Config, Origin, Principal, Put, PutOutcome, Store, Upload, UploadId};

/// A store and the directory it lies in.
pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config::new(dir.path().join("data"));
        configure(&mut config);
        let store = Store::create_or_open(config)
            .await
            .expect("a new store opens");
        Self { dir, store }
    }

    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// As after a kill: nothing is closed in order.
    pub(crate) async fn reopen(self) -> Self {
        let Self { dir, store } = self;
        drop(store);
        let store = Store::open(Config::new(dir.path().join("data")))
            .await
            .expect("it opens again");
        Self { dir, store }
    }
}

pub(crate) fn repo(name: &str) -> RepoName {
    name.parse().expect("a valid name")
}

pub(crate) fn tag(name: &str) -> Tag {
    name.parse().expect("a valid tag")
}

pub(crate) fn alice() -> Principal {
    Principal::new("alice")
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// Begins an upload of Alice's.
pub(crate) async fn begin(store: &Store, name: &RepoName) -> UploadId {
    let begun = store.begin_upload(name, &alice(), Algorithm::Sha256).await;
    begun.expect("begins")
}

/// Takes up an upload of Alice's again.
pub(crate) async fn resume(store: &Store, name: &RepoName, id: UploadId) -> Upload {
    let upload = store.upload(name, id, &alice()).await;
    upload.expect("is there")
}

/// Begins an upload of Alice's, and leaves it with these bytes.
pub(crate) async fn leave(store: &Store, name: &RepoName, bytes: &[u8]) -> UploadId {
    let id = begin(store, name).await;
    append(store, name, id, bytes).await;
    id
}

/// Goes on with an upload of Alice's, and leaves it.
pub(crate) async fn append(store: &Store, name: &RepoName, id: UploadId, bytes: &[u8]) {
    let mut upload = resume(store, name, id).await;
    upload
        .append(Bytes::copy_from_slice(bytes))
        .await
        .expect("takes bytes");
    upload.suspend().await.expect("is kept");
}

/// Uploads a blob in one piece.
pub(crate) async fn push_blob(store: &Store, name: &RepoName, bytes: &[u8]) -> Digest {
    let digest = sha256(bytes);
    let id = begin(store, name).await;
    let mut upload = resume(store, name, id).await;
    upload
        .append(Bytes::copy_from_slice(bytes))
        .await
        .expect("takes bytes");
    upload.commit(digest).await.expect("commits");
    digest
}

/// An image of one config and these layers, all of which may or may not be there.
pub(crate) fn image(config: &[u8], layers: &[&[u8]], more: &str) -> Manifest {
    let descriptor = |bytes: &[u8]| {
        let digest = sha256(bytes);
        let size = bytes.len();
        format!(r#"{{"mediaType":"application/x","digest":"{digest}","size":{size}}}"#)
    };
    let layers: Vec<_> = layers.iter().map(|layer| descriptor(layer)).collect();
    let (config, layers) = (descriptor(config), layers.join(","));
    let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]{more}}}"#);
    Manifest::parse(Some(MediaType::OCI_MANIFEST.as_str()), text.into()).expect("a valid image")
}

pub(crate) async fn put(
    store: &Store,
    name: &RepoName,
    manifest: &Manifest,
    tags: &[&str],
) -> PutOutcome {
    try_put(store, name, manifest, tags)
        .await
        .expect("the manifest is stored")
}

pub(crate) async fn try_put(
    store: &Store,
    name: &RepoName,
    manifest: &Manifest,
    tags: &[&str],
) -> Result<PutOutcome, roadstead_storage::Error> {
    let put = Put {
        digest: manifest.digest(Algorithm::Sha256),
        manifest: manifest.clone(),
        tags: tags.iter().map(|name| tag(name)).collect(),
        origin: Origin::Pushed,
        by: alice(),
    };
    store.repo(name).put_manifest(put).await
}

/// The record in `bytes` with another text in one place, and a check that fits. What is no whole record
/// stays as it is.
pub(crate) fn edit_record(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let seal = |fields: &str| {
        let check = &sha256(format!("{fields}}}").as_bytes()).hex()[..16];
        format!(r#"{fields},"check":"{check}"}}"#).into_bytes()
    };
    let text = String::from_utf8_lossy(bytes);
    match text.rsplit_once(r#","check":"#) {
        Some((fields, _)) if seal(fields) == bytes => seal(&fields.replace(from, to)),
        _ => bytes.to_owned(),
    }
}

/// Every file below `dir`, as paths relative to it.
pub(crate) fn files_below(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(&next)
            .expect("a directory")
            .map(|entry| entry.expect("an entry"))
        {
            if entry.path().is_dir() {
                pending.push(entry.path());
            } else {
                let path = entry.path();
                files.push(path.strip_prefix(dir).expect("below").display().to_string());
            }
        }
    }
    files.sort();
    files
}
