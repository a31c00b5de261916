//! What a store serves, as plain data to compare; nothing of it may be wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use roadstead_storage::oci::{Algorithm, Digest, Reference};
use roadstead_storage::{Config, ScrubOptions, Store};

use crate::common::{files_below, sha256};

/// What can be pulled: tags, manifests and blobs, each by repository and name, with its digest; and what
/// is missing.
pub(crate) type Content = BTreeMap<String, Digest>;

/// Everything that the store in `dir` serves; fails when something is wrong with it.
pub(crate) async fn content(dir: &Path) -> Content {
    let store = Store::open(Config::new(dir)).await.expect("it opens");
    store.rebuild_index().await.expect("the index is rebuilt");
    let mut content = Content::new();
    for name in store.repositories(None, 1000).await.expect("lists") {
        let there = store.repo(&name);
        let mut manifests = Vec::new();
        for tag in there.tags().await.expect("lists").expect("it is there") {
            let record = there.manifest_record(&Reference::Tag(tag.clone())).await;
            let digest = record
                .expect("reads")
                .expect("a tag names something")
                .digest;
            content.insert(format!("{name}:{tag}"), digest);
        }
        for file in files_below(&dir.join("repos").join(name.as_str())) {
            if let Some(hex) = file.strip_prefix("_manifests/sha256/") {
                manifests.push(Digest::from_hex(Algorithm::Sha256, hex).expect("a digest"));
            } else if let Some(hex) = file.strip_prefix("_blobs/sha256/") {
                let digest = Digest::from_hex(Algorithm::Sha256, hex).expect("a digest");
                let blob = there.blob(digest).await.expect("reads");
                let bytes = blob.expect("a link names something").read(0, 1 << 30).await;
                assert_eq!(sha256(&bytes.expect("reads")), digest);
                content.insert(format!("{name} {digest}"), digest);
            }
        }
        for digest in manifests {
            let stored = there.manifest(&Reference::Digest(digest)).await;
            let stored = stored.expect("reads").expect("it is there");
            assert_eq!(sha256(&stored.bytes), digest);
            content.insert(format!("{name}@{digest}"), digest);
            for referrer in there.referrers(digest).await.expect("lists") {
                content.insert(format!("{name}@{digest} referrer {referrer:?}"), digest);
            }
        }
        let summary = there.describe().await.expect("reads").expect("is there");
        for digest in summary.missing {
            content.insert(format!("{name} lacks {digest}"), digest);
        }
    }
    let scrubbed = store
        .scrub(ScrubOptions::default(), Arc::default(), |_| {})
        .await
        .expect("every file is read");
    assert_eq!(scrubbed.defects, []);
    content
}

/// Closes the store and says what it held.
pub(crate) async fn content_of(store: Store, dir: &tempfile::TempDir) -> Content {
    drop(store);
    content(&dir.path().join("data")).await
}
