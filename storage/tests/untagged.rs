//! An image that was pushed by digest, under no tag, is there whatever the store does by itself, and
//! however much time goes by.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use common::{image, push_blob, put, repo};
use roadstead_storage::oci::{Algorithm, Manifest, Reference};
use roadstead_storage::{Clock, Config, ScrubOptions, Store};

const REPOSITORY: &str = "openshift/release";
const LAYER: &[u8] = b"layer";

/// Opens the store in `root`, whose clock is this many days ahead.
async fn open(root: &Path, days: &Arc<AtomicU64>) -> Store {
    let mut config = Config::new(root);
    let days = Arc::clone(days);
    config.clock = Clock::from_fn(move || {
        SystemTime::now() + Duration::from_hours(24 * days.load(Ordering::Relaxed))
    });
    Store::create_or_open(config).await.expect("opens")
}

/// An image and one that refers to it.
fn untagged() -> [Manifest; 2] {
    let plain = image(LAYER, &[LAYER], "");
    let (digest, size) = (plain.digest(Algorithm::Sha256), plain.bytes().len());
    let kind = plain.media_type();
    let subject =
        format!(r#","subject":{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#);
    let signature = image(LAYER, &[], &subject);
    [plain, signature]
}

async fn all_there(store: &Store, when: &str) {
    let there = store.repo(&repo(REPOSITORY));
    for manifest in untagged() {
        let digest = Reference::Digest(manifest.digest(Algorithm::Sha256));
        let stored = there.manifest(&digest).await.expect("reads");
        let stored = stored.unwrap_or_else(|| panic!("{digest} is there {when}"));
        assert_eq!(stored.bytes, manifest.bytes());
        let layer = manifest.blobs()[0].digest;
        let layer = there.blob(layer).await.expect("reads");
        let layer = layer.unwrap_or_else(|| panic!("the layer is there {when}"));
        assert_eq!(layer.read(0, 100).await.expect("reads"), LAYER);
    }
    let [plain, signature] = untagged();
    let referrers = there.referrers(plain.digest(Algorithm::Sha256)).await;
    let referrers: Vec<_> = referrers
        .expect("lists")
        .iter()
        .map(|it| it.digest)
        .collect();
    assert_eq!(referrers, [signature.digest(Algorithm::Sha256)]);
}

#[tokio::test]
async fn an_untagged_image_survives_a_year_of_upkeep_restarts_and_a_restore() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let days = Arc::new(AtomicU64::new(0));
    let mut root = dir.path().join("data");
    let store = open(&root, &days).await;
    push_blob(&store, &repo(REPOSITORY), LAYER).await;
    for manifest in untagged() {
        put(&store, &repo(REPOSITORY), &manifest, &[]).await;
    }
    drop(store);
    for month in 1..=12 {
        days.store(month * 31, Ordering::Relaxed);
        let store = open(&root, &days).await;
        // Twice: what the first one takes away, the second one removes for good.
        for _ in 0..2 {
            let collected = store.collect(false, Arc::default(), |_| {}).await;
            assert_eq!(collected.expect("collects").blobs, 0);
            days.fetch_add(1, Ordering::Relaxed);
        }
        all_there(&store, "after a collection").await;
        let scrub = store.scrub(ScrubOptions::default(), Arc::default(), |_| {});
        assert_eq!(scrub.await.expect("scrubs").defects, []);
        all_there(&store, "after a scrub").await;
        store.rebuild_index().await.expect("rebuilds");
        assert_eq!(
            store.repositories(None, 9).await.expect("lists"),
            [repo(REPOSITORY)]
        );
        all_there(&store, "after a new index").await;
        let copy = dir.path().join(format!("copy-{month}"));
        let backup = store.backup(copy.clone(), Arc::default(), |_| {});
        assert!(backup.await.expect("backs up").is_complete());
        store.close().await;
        // From here on the copy is the store.
        root = copy;
        all_there(&open(&root, &days).await, "after a restore").await;
    }
}
