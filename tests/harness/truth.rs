//! Ground truth: what lies in a data directory, read from outside and compared with the API.
//!
//! It knows only the published layout. Every blob is hashed again; every record, tag, link and
//! referrer must lead to something that exists; and the API must claim exactly what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use http::Method;

use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::layout::{
    Holding, blob_files, digest_in, hash, names, record, record_path, repositories,
};

/// What a data directory holds, already found to be consistent in itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Each blob file (manifests included) with its size.
    pub blobs: BTreeMap<Digest, u64>,
    /// Each repository.
    pub repositories: BTreeMap<String, Holding>,
    /// The ids of the uploads in progress.
    pub uploads: BTreeSet<String>,
}

impl Truth {
    /// Reads a data directory and insists that it is consistent: right hashes, no dangling names,
    /// no leftovers.
    #[track_caller]
    pub fn of(data: &Path) -> Self {
        let mut truth = Self {
            uploads: names(&data.join("uploads")).collect(),
            ..Self::default()
        };
        for (digest, path) in blob_files(&data.join("blobs")) {
            let (found, size) = hash(&path, digest.algorithm());
            assert_eq!(found, digest, "a blob does not hash to its name");
            truth.blobs.insert(digest, size);
        }
        repositories(&data.join("repos"), "", &mut truth.repositories);
        for (name, holding) in &truth.repositories {
            truth.insist_on(name, holding, data);
        }
        let leftovers: Vec<_> = names(&data.join("tmp")).collect();
        assert!(leftovers.is_empty(), "left behind in tmp/: {leftovers:?}");
        truth
    }

    /// Insists that the API claims exactly what is here, to a client that may see it all.
    #[track_caller]
    pub fn agrees_with(&self, client: &Client) {
        let visible: Vec<_> = self.repositories.keys().cloned().collect();
        assert_eq!(client.catalog(), visible, "the catalog and repos/ differ");
        for (name, holding) in &self.repositories {
            self.repository_agrees(client, name, holding);
        }
    }

    /// Insists that no upload is in progress.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "insisting is a use in itself"
    )]
    #[track_caller]
    pub fn no_uploads(self) -> Self {
        assert!(
            self.uploads.is_empty(),
            "uploads in progress: {:?}",
            self.uploads
        );
        self
    }

    /// How many bytes all blobs have.
    pub fn size(&self) -> u64 {
        self.blobs.values().sum()
    }

    #[track_caller]
    fn insist_on(&self, name: &str, holding: &Holding, data: &Path) {
        for (digest, media_type) in &holding.manifests {
            let record = &record(&record_path(data, name, digest));
            let size = record["size"]
                .as_u64()
                .expect("a manifest record has its size");
            assert_eq!(
                self.blobs.get(digest),
                Some(&size),
                "the bytes of {name}@{digest}"
            );
            assert!(!media_type.is_empty(), "the media type of {name}@{digest}");
        }
        for (tag, digest) in &holding.tags {
            assert!(
                holding.manifests.contains_key(digest),
                "{name}:{tag} points at nothing"
            );
        }
        for digest in &holding.blobs {
            assert!(
                self.blobs.contains_key(digest),
                "{name} links {digest}, which is not there"
            );
        }
        for (subject, referrers) in &holding.referrers {
            for digest in referrers {
                assert!(
                    holding.manifests.contains_key(digest),
                    "{name}: {digest} refers to {subject} and is not there"
                );
            }
        }
    }

    #[track_caller]
    fn repository_agrees(&self, client: &Client, name: &str, holding: &Holding) {
        let tags: Vec<_> = holding.tags.keys().cloned().collect();
        assert_eq!(client.tags(name), tags, "the tags of {name}");
        for (tag, digest) in &holding.tags {
            let head = client
                .head(format!("/v2/{name}/manifests/{tag}"))
                .expect(200);
            assert_eq!(head.digest(), *digest, "what {name}:{tag} points at");
        }
        for (digest, media_type) in &holding.manifests {
            let answer = client.manifest(name, digest.as_str()).expect(200);
            let found = Hasher::named(digest.algorithm()).expect("a known algorithm");
            assert_eq!(
                found.with(&answer.body).finish(),
                *digest,
                "the bytes of {name}@{digest}"
            );
            assert_eq!(
                answer.must("content-type"),
                media_type,
                "the type of {name}@{digest}"
            );
        }
        for digest in &holding.blobs {
            let path = format!("/v2/{name}/blobs/{digest}");
            let download = client.request(Method::GET, path.clone()).download();
            download.response.clone().expect(200);
            assert_eq!(
                Some(&download.length),
                self.blobs.get(digest),
                "the size of {path}"
            );
            if digest.algorithm() == "sha256" {
                assert_eq!(download.digest, *digest, "the bytes of {path}");
            }
        }
        for digest in self
            .blobs
            .keys()
            .filter(|digest| !holding.blobs.contains(*digest))
        {
            client
                .head(format!("/v2/{name}/blobs/{digest}"))
                .expect(404);
        }
        for (subject, referrers) in &holding.referrers {
            let claimed = client.referrers(name, subject);
            let claimed = claimed.iter().map(|entry| digest_in(entry, name)).collect();
            assert_eq!(*referrers, claimed, "what refers to {name}@{subject}");
        }
    }
}
