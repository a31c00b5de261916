//! Bits flip in every kind of file: what comes of it is found, and nothing wrong is ever served.
//!
//! Bits that do not matter are those of `lock` (a note of who holds the store), `trash/` and
//! `quarantine/` (never read), `tmp/` (swept at the start) and `state/scrub` (where to begin). Links and
//! marks of referrers have no bits. A record of an upload that does not hold ends the upload, and its
//! client begins anew: that is no defect.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use roadstead_storage::oci::{Algorithm, Manifest, Reference};
use roadstead_storage::{Config, Outcome, Scrubbed, Store, UploadId};

use crate::common::{Fixture, alice, files_below, image, push_blob, put, repo, sha256, tag};
use crate::{about, begin_upload, flip, index_of, scrub};

const REPOSITORIES: [&str; 2] = ["a", "a/b"];
const TAGS: [&str; 3] = ["v1", "all", "latest"];
const UPLOADED: [&[u8]; 2] = [b"the first half ", b"and the second"];

/// A store that was closed in order, and what it serves.
struct Sample {
    it: Fixture,
    upload: UploadId,
    facts: BTreeMap<String, Bytes>,
}

impl Sample {
    async fn new() -> Self {
        let it = Fixture::new().await;
        it.store.rebuild_index().await.expect("builds");
        for name in REPOSITORIES.map(repo) {
            for blob in [&b"config"[..], &[7; 5000]] {
                push_blob(&it.store, &name, blob).await;
            }
            let plain = image(b"config", &[&[7; 5000]], "");
            put(&it.store, &name, &plain, &["v1", "latest"]).await;
            put(&it.store, &name, &index_of(&[&plain]), &["all"]).await;
            put(
                &it.store,
                &name,
                &image(b"config", &[], &about(&plain)),
                &[],
            )
            .await;
        }
        let upload = begin_upload(&it.store, UPLOADED[0]).await;
        // Of the same form; only long uploads write one.
        let session = it.root().join("uploads").join(upload.to_string());
        fs::copy(session.join("state"), session.join("checkpoint")).expect("copies");
        let facts = serve(&it.store).await;
        assert_eq!(facts.len(), REPOSITORIES.len() * (5 + TAGS.len()));
        let Fixture { dir, store } = it;
        store.clone().close().await;
        Self {
            it: Fixture { dir, store },
            upload,
            facts,
        }
    }

    /// A copy of it.
    fn copy(&self) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir_in("/dev/shm").expect("memory to write to");
        let root = dir.path().join("data");
        for file in files_below(&self.it.root()) {
            let to = root.join(&file);
            fs::create_dir_all(to.parent().expect("below the root")).expect("makes directories");
            fs::copy(self.it.root().join(&file), to).expect("copies");
        }
        (dir, Config::new(root))
    }

    /// Nothing the store serves is other than what was pushed; it may refuse.
    async fn check_served(&self, store: &Store, context: &str) {
        for (what, content) in serve(store).await {
            let pushed = self.facts.get(&what);
            assert_eq!(pushed, Some(&content), "{context}: {what}");
        }
    }
}

/// Everything that can be had from a store, by what was asked for.
async fn serve(store: &Store) -> BTreeMap<String, Bytes> {
    let mut served = BTreeMap::new();
    let plain = image(b"config", &[&[7; 5000]], "");
    let referrer = image(b"config", &[], &about(&plain));
    for name in REPOSITORIES {
        let there = store.repo(&repo(name));
        for digest in [sha256(b"config"), sha256(&[7; 5000])] {
            if let Ok(Some(blob)) = there.blob(digest).await
                && let Ok(bytes) = blob.read(0, usize::MAX).await
            {
                served.insert(format!("{name}@{digest}"), bytes);
            }
        }
        let digest = |manifest: &Manifest| manifest.digest(Algorithm::Sha256);
        let manifests = [&plain, &index_of(&[&plain]), &referrer].map(digest);
        let tags = TAGS.iter().map(|name| Reference::Tag(tag(name)));
        for reference in manifests.map(Reference::Digest).into_iter().chain(tags) {
            if let Ok(Some(stored)) = there.manifest(&reference).await {
                assert_eq!(sha256(&stored.bytes), stored.digest);
                let text = format!("{} {}", stored.media_type, stored.digest);
                served.insert(format!("{name} {reference}"), text.into());
            }
            if let Ok(Some(record)) = there.manifest_record(&reference).await {
                let text = format!("{} {}", record.media_type, record.digest);
                let head = format!("{name} {reference}");
                let got = served.entry(head).or_insert_with(|| text.clone().into());
                assert_eq!(*got, text, "HEAD and GET differ");
            }
        }
        for tag in there.tags().await.into_iter().flatten().flatten() {
            assert!(TAGS.contains(&tag.as_str()), "{tag} was never set");
        }
        if let Ok(listed) = there.referrers(digest(&plain)).await {
            for descriptor in listed {
                assert_eq!(descriptor, referrer.referrer(digest(&referrer)));
            }
        }
    }
    served
}

/// First, last, and some between.
fn offsets(length: usize) -> Vec<usize> {
    let mut offsets: Vec<_> = (0..5).map(|part| part * length / 5 + part % 3).collect();
    offsets.push(length - 1);
    offsets.retain(|offset| *offset < length);
    offsets.dedup();
    offsets
}

fn tells_of(found: &Scrubbed, file: &str) -> bool {
    let is_it = |path: &Path| path == Path::new(file);
    found.defects.iter().any(|defect| is_it(&defect.path))
}

#[tokio::test]
async fn a_flipped_bit_in_any_file_is_found_and_never_served() {
    let sample = Sample::new().await;
    let blobs = [sha256(b"config").hex(), sha256(&[7; 5000]).hex()];
    let blobs = blobs.each_ref().map(String::as_str);
    let mut cases = BTreeMap::<&str, u32>::new();
    for file in files_below(&sample.it.root()) {
        let length = fs::metadata(sample.it.root().join(&file)).expect("is there");
        let length = usize::try_from(length.len()).expect("small");
        let kind = match file.split('/').collect::<Vec<_>>()[..] {
            ["format"] => "format",
            ["blobs", .., hex] if blobs.contains(&hex) => "blob",
            ["blobs", ..] => "manifest",
            ["uploads", _, "data"] => "upload",
            ["uploads", ..] => "state",
            ["lock"] | ["index", ..] => continue,
            ["repos", .., "_tags", _] => "tag",
            ["repos", .., "_manifests", _, _] => "record",
            ["repos", .., "_blobs", _, _] | ["repos", .., "_referrers", _, _, _] => {
                assert_eq!(length, 0, "{file}");
                continue;
            }
            _ => panic!("{file} is of no known kind"),
        };
        for offset in offsets(length) {
            *cases.entry(kind).or_default() += 1;
            check_flip(&sample, &file, offset, kind).await;
        }
    }
    let kinds: Vec<_> = cases.keys().copied().collect();
    let all = [
        "blob", "format", "manifest", "record", "state", "tag", "upload",
    ];
    assert_eq!(kinds, all);
    assert!(cases.values().sum::<u32>() > 120, "{cases:?}");
}

async fn check_flip(sample: &Sample, file: &str, offset: usize, kind: &str) {
    let context = format!("{file}, byte {offset}");
    let (_dir, config) = sample.copy();
    let path = config.root.join(file);
    let store = Store::open(config).await.expect("opens");
    flip(&path, offset);
    // Bytes of blobs are checked by scrub alone: a hash for each pull would cost more than the pull.
    if kind != "blob" {
        sample.check_served(&store, &context).await;
    }
    let found = scrub(&store).await;
    if kind == "state" {
        assert_eq!(found.defects, [], "{context}");
        check_upload(&store, sample.upload, &context).await;
    } else {
        assert!(tells_of(&found, file), "{context}: {:?}", found.defects);
    }
    sample.check_served(&store, &context).await;
    // What could be mended is, and what is lost is not forgotten.
    let again = scrub(&store).await;
    let is_standing = |outcome| outcome == Outcome::Lost;
    let standing = again
        .defects
        .iter()
        .all(|defect| is_standing(defect.outcome));
    assert!(standing, "{context}: {:?}", again.defects);
}

/// An upload goes on to the right end or not at all.
async fn check_upload(store: &Store, id: UploadId, context: &str) {
    let name = repo("up");
    let Ok(mut upload) = store.upload(&name, id, &alice()).await else {
        return;
    };
    let whole = UPLOADED.concat();
    let offset = usize::try_from(upload.offset()).expect("small");
    let rest = Bytes::copy_from_slice(&whole[offset..]);
    upload.append(rest).await.expect("takes bytes");
    let digest = sha256(&whole);
    upload
        .commit(digest)
        .await
        .expect("the hash went on with it");
    let blob = store.repo(&name).blob(digest).await.expect("reads");
    let bytes = blob.expect("is there").read(0, usize::MAX).await;
    assert_eq!(bytes.expect("reads"), whole, "{context}");
}

#[tokio::test]
async fn a_store_whose_format_was_flipped_does_not_open_as_another() {
    let sample = Sample::new().await;
    for bit in 0..16 {
        let (_dir, config) = sample.copy();
        let path = config.root.join("format");
        let mut bytes = fs::read(&path).expect("is there");
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes).expect("can be written");
        if let Ok(store) = Store::create_or_open(config).await {
            assert!(tells_of(&scrub(&store).await, "format"), "bit {bit}");
            assert_eq!(fs::read(&path).expect("is there"), b"1\n");
        }
    }
}

#[tokio::test]
async fn an_index_with_a_flipped_bit_is_built_anew() {
    let sample = Sample::new().await;
    let (_dir, config) = sample.copy();
    let store = Store::open(config).await.expect("opens");
    assert!(store.index_ready(), "a whole one is believed");
    let mut cases = 0;
    for file in files_below(&sample.it.root().join("index")) {
        let length = fs::metadata(sample.it.root().join("index").join(&file));
        let length = usize::try_from(length.expect("is there").len()).expect("small");
        for offset in offsets(length) {
            let (_dir, config) = sample.copy();
            flip(&config.root.join("index").join(&file), offset);
            let store = Store::open(config).await.expect("opens");
            assert!(!store.index_ready(), "{file}, byte {offset}");
            store.rebuild_index().await.expect("rebuilds");
            let names = store.repositories(None, 10).await.expect("lists");
            assert_eq!(names, REPOSITORIES.map(repo));
            cases += 1;
        }
    }
    assert!(cases > 10, "{cases}");
}
