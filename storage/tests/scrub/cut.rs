//! A scrub that is cut short, by a kill or a failing disk, loses nothing and forgets nothing.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roadstead_storage::oci::{Algorithm, Reference};
use roadstead_storage::{Config, Error, Hook, Op, ScrubOptions, Store};

use crate::common::{Fixture, image, push_blob, put, repo, tag};
use crate::{blob_path, flip, record_path, scrub};

/// Lets so many changes pass, and then none.
struct Cut(AtomicUsize);

impl Hook for Cut {
    fn before(&self, _: &Op<'_>) -> io::Result<()> {
        let left = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        left.map(drop)
            .map_err(|_| io::Error::other("the power is gone"))
    }
}

/// A damaged layer, manifest, record and tag; what else there is is whole.
async fn damaged() -> tempfile::TempDir {
    let it = Fixture::new().await;
    let name = repo("a");
    let layer = push_blob(&it.store, &name, b"layer").await;
    push_blob(&it.store, &name, b"whole").await;
    put(&it.store, &name, &image(b"layer", &[], ""), &["layer"]).await;
    let body = image(b"whole", &[], "");
    put(&it.store, &name, &body, &["body"]).await;
    let record = image(b"whole", &[b"whole"], "");
    put(&it.store, &name, &record, &["record", "tag"]).await;
    let root = it.root();
    for file in [
        blob_path(layer),
        blob_path(body.digest(Algorithm::Sha256)),
        record_path("a", record.digest(Algorithm::Sha256)),
        "repos/a/_tags/tag".to_owned(),
    ] {
        flip(&root.join(file), 3);
    }
    it.dir
}

#[tokio::test]
async fn after_a_cut_at_any_step_the_next_scrub_tells_of_every_loss() {
    let mut cuts = 0;
    loop {
        let dir = damaged().await;
        let config = || Config::new(dir.path().join("data"));
        let cut = Arc::new(Cut(AtomicUsize::new(usize::MAX)));
        let hook = Some(Arc::clone(&cut) as Arc<dyn Hook>);
        let store = Store::create_or_open_hooked(config(), hook).await;
        let store = store.expect("opens");
        cut.0.store(cuts, Ordering::Relaxed);
        let scrubbed = store
            .scrub(ScrubOptions::default(), Arc::default(), |_| {})
            .await;
        if scrubbed.is_ok() {
            break;
        }
        let is_expected = matches!(scrubbed, Err(Error::Io { .. } | Error::ReadOnly { .. }));
        assert!(is_expected, "{scrubbed:?}");
        drop(store);

        let store = Store::open(config()).await.expect("opens again");
        let found = scrub(&store).await;
        let affected: BTreeSet<_> = found
            .defects
            .iter()
            .flat_map(|defect| &defect.affects)
            .map(ToString::to_string)
            .collect();
        for lost in ["a:layer", "a:body", "a:tag"] {
            assert!(affected.contains(lost), "cut {cuts}: {affected:?}");
        }
        assert!(!affected.contains("a:record"), "cut {cuts}: {affected:?}");
        let record = Reference::Tag(tag("record"));
        let whole = store.repo(&repo("a")).manifest(&record).await;
        assert!(whole.expect("reads").is_some(), "cut {cuts}");
        cuts += 1;
    }
    assert!(cuts > 20, "{cuts}");
}
