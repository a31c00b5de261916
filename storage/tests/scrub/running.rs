//! A scrub beside everything else: complete, in pieces, stopped, and among changes.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use roadstead_storage::oci::Algorithm;
use roadstead_storage::{Error, Phase, Progress, ScrubOptions, Target};

use crate::common::{Fixture, image, push_blob, put, repo};
use crate::{about, begin_upload, index_of, is_clean, scrub};

#[tokio::test]
async fn a_whole_store_has_no_defects_and_is_read_to_the_last_byte() {
    let it = Fixture::with(|config| config.gc_grace = Duration::ZERO).await;
    let name = repo("a/b");
    push_blob(&it.store, &name, b"config").await;
    push_blob(&it.store, &name, &vec![7; 1_000_000]).await;
    let plain = image(b"config", &[&vec![7; 1_000_000]], "");
    put(&it.store, &name, &plain, &["v1", "latest"]).await;
    put(&it.store, &name, &index_of(&[&plain]), &["all"]).await;
    let referrer = image(b"config", &[], &about(&plain));
    put(&it.store, &name, &referrer, &[]).await;
    // Something in the trash, an upload in progress, a sparse image.
    push_blob(&it.store, &repo("c"), b"loose").await;
    it.store
        .collect(false, Arc::default(), |_| {})
        .await
        .expect("collects");
    begin_upload(&it.store, b"half of it").await;
    put(
        &it.store,
        &repo("c"),
        &image(b"never pushed", &[], ""),
        &["v"],
    )
    .await;

    let found = scrub(&it.store).await;
    is_clean(&found);
    let stat = it.store.stat().await.expect("counts");
    assert_eq!((found.blobs, found.bytes), (stat.blobs, stat.blob_bytes));
    assert_eq!((found.manifests, found.tags), (stat.manifests, stat.tags));
    assert_eq!((found.repositories, found.links, found.uploads), (2, 2, 1));
    assert_eq!(found.tidied, 0);
    let it = it.reopen().await;
    assert_eq!(scrub(&it.store).await, found);
}

#[tokio::test]
async fn a_scrub_tells_how_far_it_is_and_stops_when_asked() {
    let it = Fixture::new().await;
    push_blob(&it.store, &repo("a"), &vec![1; 1_000_000]).await;
    push_blob(&it.store, &repo("a"), &vec![2; 500_000]).await;
    let last = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&last);
    let progress = move |progress: Progress| {
        if progress.phase == Phase::Hash {
            assert_eq!(progress.total, Some(1_500_000));
            let before = seen.swap(progress.done, Ordering::Relaxed);
            assert!(before < progress.done);
        }
    };
    it.store
        .scrub(ScrubOptions::default(), Arc::default(), progress)
        .await
        .expect("scrubs");
    assert_eq!(last.load(Ordering::Relaxed), 1_500_000);

    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let stopped = it
        .store
        .scrub(ScrubOptions::default(), stop, move |_| {
            asked.store(true, Ordering::Relaxed);
        })
        .await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
}

#[tokio::test]
async fn a_scrub_in_the_background_goes_on_where_the_last_was_ended() {
    let it = Fixture::new().await;
    for number in 0..20_u8 {
        push_blob(&it.store, &repo("a"), &[number]).await;
    }
    let options = ScrubOptions {
        bytes_per_second: NonZeroU64::new(1_000_000),
        resume: true,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let progress = move |progress: Progress| {
        asked.store(progress.done > 12, Ordering::Relaxed);
    };
    let stopped = it.store.scrub(options, stop, progress).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    let it = it.reopen().await;
    let rest = it.store.scrub(options, Arc::default(), |_| {}).await;
    let rest = rest.expect("scrubs");
    assert!((8..20).contains(&rest.blobs), "{}", rest.blobs);
    // Then from the beginning; a command never begins elsewhere.
    let whole = it.store.scrub(options, Arc::default(), |_| {}).await;
    assert_eq!(whole.expect("scrubs").blobs, 20);
    assert_eq!(scrub(&it.store).await.blobs, 20);
}

#[tokio::test]
async fn pushes_deletes_and_collections_under_a_scrub_are_no_defects() {
    let it = Fixture::with(|config| config.gc_grace = Duration::ZERO).await;
    it.store.rebuild_index().await.expect("builds");
    let done = AtomicBool::new(false);
    let pushes = async {
        for round in 0..80_u32 {
            let name = repo(["a", "b/c", "d"][round as usize % 3]);
            let layer = (round % 7).to_le_bytes();
            let manifest = image(&layer, &[], "");
            push_blob(&it.store, &name, &layer).await;
            put(&it.store, &name, &manifest, &["v"]).await;
            let referrer = image(&layer, &[], &about(&manifest));
            put(&it.store, &name, &referrer, &[]).await;
            let there = it.store.repo(&name);
            for gone in [&manifest, &referrer].into_iter().skip(round as usize % 2) {
                let digest = gone.digest(Algorithm::Sha256);
                there.delete_manifest(digest).await.expect("deletes");
            }
            if round % 10 == 9 {
                there.remove(Target::All, false).await.expect("removes");
            }
            it.store
                .collect(false, Arc::default(), |_| {})
                .await
                .expect("collects");
        }
        done.store(true, Ordering::Relaxed);
    };
    let scrubs = async {
        let mut rounds = 0;
        while !done.load(Ordering::Relaxed) {
            is_clean(&scrub(&it.store).await);
            rounds += 1;
        }
        rounds
    };
    let ((), rounds) = tokio::join!(pushes, scrubs);
    assert!(rounds > 1);
    assert!(it.store.index_ready(), "the index was never in doubt");
}
