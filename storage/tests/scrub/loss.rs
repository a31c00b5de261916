//! What is lost: never served, told with everything it concerns, and mended by a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use roadstead_storage::oci::{Algorithm, Reference, RepoName};
use roadstead_storage::{
    Clock, Error, Lost, Outcome, Phase, Problem, Progress, ScrubOptions, Scrubbed, Target,
};

use crate::common::{Fixture, files_below, image, push_blob, put, repo, tag};
use crate::{blob_path, by_digest, flip, index_of, is_clean, only, record_path, scrub};

#[tokio::test]
async fn a_damaged_blob_is_set_aside_with_everything_it_belongs_to_until_it_is_pushed_again() {
    let it = Fixture::new().await;
    let (a, b) = (repo("a"), repo("b/c"));
    let layer = push_blob(&it.store, &a, b"layer").await;
    push_blob(&it.store, &a, b"config").await;
    assert!(it.store.repo(&b).mount(layer, &a).await.expect("mounts"));
    let broken = image(b"config", &[b"layer"], "");
    let whole = image(b"config", &[], "");
    let list = index_of(&[&broken, &whole]);
    put(&it.store, &a, &broken, &["v1"]).await;
    put(&it.store, &a, &whole, &["other"]).await;
    put(&it.store, &a, &list, &["v1-all"]).await;
    put(&it.store, &b, &broken, &[]).await;
    flip(&it.root().join(blob_path(layer)), 3);

    let found = scrub(&it.store).await;
    let digests = [&list, &broken].map(|manifest| manifest.digest(Algorithm::Sha256));
    let mut affected = vec!["a:v1".to_owned(), "a:v1-all".to_owned()];
    for digest in [layer, digests[0], digests[1]] {
        affected.push(format!("a@{digest}"));
    }
    affected.extend([layer, digests[1]].map(|digest| format!("b/c@{digest}")));
    affected.sort();
    let (path, problem, outcome, mut affects) = only(&found);
    affects.sort();
    assert_eq!(path, blob_path(layer));
    assert_eq!((problem, outcome), (Problem::Damaged, Outcome::Lost));
    assert_eq!(affects, affected);
    assert!(found.has_losses());
    for name in [&a, &b] {
        let there = it.store.repo(name);
        assert!(there.blob(layer).await.expect("reads").is_none());
        assert_eq!(there.blob_size(layer).await.expect("reads"), None);
    }
    let aside = format!("quarantine/sha256-{}", layer.hex());
    assert!(it.root().join(&aside).exists());

    // It is not forgotten.
    let again = scrub(&it.store).await;
    let (_, problem, outcome, affects) = only(&again);
    assert_eq!((problem, outcome), (Problem::SetAsideBefore, Outcome::Lost));
    assert!(affects.contains(&"a:v1".to_owned()), "{affects:?}");
    // And who pushes it again is told that it is missing, and mends it.
    assert_eq!(put(&it.store, &a, &broken, &["v1"]).await.missing, [layer]);
    push_blob(&it.store, &a, b"layer").await;
    push_blob(&it.store, &b, b"layer").await;
    is_clean(&scrub(&it.store).await);
    assert!(!it.root().join(&aside).exists());
}

#[tokio::test]
async fn a_damaged_blob_that_nobody_needs_is_set_aside_and_no_loss() {
    let it = Fixture::new().await;
    let loose = push_blob(&it.store, &repo("a"), b"loose").await;
    assert!(
        it.store
            .repo(&repo("a"))
            .unlink_blob(loose)
            .await
            .expect("deletes")
    );
    flip(&it.root().join(blob_path(loose)), 0);
    let found = scrub(&it.store).await;
    let (path, problem, outcome, affects) = only(&found);
    assert_eq!(path, blob_path(loose));
    assert_eq!((problem, outcome), (Problem::Damaged, Outcome::SetAside));
    assert!(affects.is_empty() && !found.has_losses());
    is_clean(&scrub(&it.store).await);
}

#[tokio::test]
async fn a_damaged_manifest_is_gone_until_it_is_pushed_again_and_its_layers_are_kept_for_it() {
    let clock = Arc::new(AtomicU64::new(0));
    let ahead = Arc::clone(&clock);
    let it = Fixture::with(|config| {
        config.clock = Clock::from_fn(move || {
            let days = ahead.load(Ordering::Relaxed);
            SystemTime::now() + Duration::from_hours(24 * days)
        });
    })
    .await;
    let name = repo("a");
    let layer = push_blob(&it.store, &name, b"layer").await;
    let damaged = image(b"layer", &[], "");
    let digest = damaged.digest(Algorithm::Sha256);
    put(&it.store, &name, &damaged, &["v"]).await;
    put(&it.store, &name, &index_of(&[&damaged]), &[]).await;
    flip(&it.root().join(blob_path(digest)), 30);

    let there = it.store.repo(&name);
    let refused = there.manifest(&by_digest(&damaged)).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    let (path, problem, outcome, affects) = only(&scrub(&it.store).await);
    assert_eq!(path, blob_path(digest));
    assert_eq!((problem, outcome), (Problem::Damaged, Outcome::Lost));
    assert!(affects.contains(&"a:v".to_owned()), "{affects:?}");
    assert_eq!(affects.len(), 3, "its index is concerned: {affects:?}");
    for reference in [by_digest(&damaged), Reference::Tag(tag("v"))] {
        assert!(there.manifest(&reference).await.expect("reads").is_none());
        let head = there.manifest_record(&reference).await.expect("reads");
        assert!(head.is_none());
    }

    clock.store(2, Ordering::Relaxed);
    let collected = it.store.collect(false, Arc::default(), |_| {}).await;
    assert_eq!(collected.expect("goes on").blobs, 0);
    assert!(there.blob(layer).await.expect("reads").is_some());
    assert!(scrub(&it.store).await.has_losses());
    put(&it.store, &name, &damaged, &["v"]).await;
    is_clean(&scrub(&it.store).await);
    assert!(files_below(&it.root().join("quarantine")).is_empty());
}

#[tokio::test]
async fn a_removed_repository_is_missed_no_more() {
    let it = Fixture::new().await;
    let manifest = image(b"", &[], "");
    put(&it.store, &repo("a"), &manifest, &["v"]).await;
    flip(
        &it.root()
            .join(blob_path(manifest.digest(Algorithm::Sha256))),
        9,
    );
    assert!(scrub(&it.store).await.has_losses());
    it.store
        .repo(&repo("a"))
        .remove(Target::All, false)
        .await
        .expect("removes");
    is_clean(&scrub(&it.store).await);
    put(&it.store, &repo("a"), &image(b"1", &[], ""), &["v"]).await;
    is_clean(&scrub(&it.store).await);
}

#[tokio::test]
async fn a_damaged_tag_is_set_aside_and_what_it_named_stays() {
    let it = Fixture::new().await;
    let manifest = image(b"1", &[], "");
    put(&it.store, &repo("a/b"), &manifest, &["v1", "v2"]).await;
    flip(&it.root().join("repos/a/b/_tags/v1"), 20);
    let (path, problem, outcome, affects) = only(&scrub(&it.store).await);
    assert_eq!(path, "repos/a/b/_tags/v1");
    assert_eq!((problem, outcome), (Problem::Damaged, Outcome::Lost));
    assert_eq!(affects, ["a/b:v1"]);
    assert!(it.root().join("quarantine/repos/a/b/_tags/v1").exists());
    let there = it.store.repo(&repo("a/b"));
    let left = there.tags().await.expect("lists").expect("is there");
    assert_eq!(left, [tag("v2")]);
    let stored = there.manifest(&by_digest(&manifest)).await;
    assert!(stored.expect("reads").is_some());
    // It is not forgotten until somebody sets it again.
    let (_, problem, outcome, affects) = only(&scrub(&it.store).await);
    assert_eq!((problem, outcome), (Problem::SetAsideBefore, Outcome::Lost));
    assert_eq!(affects, ["a/b:v1"]);
    put(&it.store, &repo("a/b"), &manifest, &["v1"]).await;
    is_clean(&scrub(&it.store).await);
    assert!(files_below(&it.root().join("quarantine")).is_empty());
}

#[tokio::test]
async fn a_tag_that_names_nothing_is_a_loss() {
    let it = Fixture::new().await;
    let manifest = image(b"1", &[], "");
    put(&it.store, &repo("a"), &manifest, &["v"]).await;
    let record = record_path("a", manifest.digest(Algorithm::Sha256));
    std::fs::remove_file(it.root().join(record)).expect("was there");
    let (path, problem, outcome, affects) = only(&scrub(&it.store).await);
    assert_eq!(path, "repos/a/_tags/v");
    assert_eq!((problem, outcome), (Problem::Dangling, Outcome::Lost));
    assert_eq!(affects, ["a:v"]);
}

#[tokio::test]
async fn a_blob_that_vanished_is_a_loss_and_its_link_goes() {
    let it = Fixture::new().await;
    let name = repo("a");
    let layer = push_blob(&it.store, &name, b"layer").await;
    put(&it.store, &name, &image(b"layer", &[], ""), &["v"]).await;
    std::fs::remove_file(it.root().join(blob_path(layer))).expect("was there");
    let (path, problem, outcome, affects) = only(&scrub(&it.store).await);
    assert_eq!(path, blob_path(layer));
    assert_eq!((problem, outcome), (Problem::Missing, Outcome::Lost));
    assert!(affects.contains(&"a:v".to_owned()), "{affects:?}");
    let outcome = put(&it.store, &name, &image(b"layer", &[], ""), &["v"]).await;
    assert_eq!(outcome.missing, [layer]);
}

#[tokio::test]
async fn a_lost_blob_is_asked_for_again_long_before_the_scrub_is_through() {
    let it = Fixture::new().await;
    let name = repo("a");
    let layer = push_blob(&it.store, &name, b"layer").await;
    flip(&it.root().join(blob_path(layer)), 3);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let progress = move |progress: Progress| {
        asked.store(progress.phase == Phase::Check, Ordering::Relaxed);
    };
    put(&it.store, &name, &image(b"layer", &[], ""), &[]).await;
    let options = ScrubOptions::default();
    let stopped = it.store.scrub(options, stop, progress).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    let again = put(&it.store, &name, &image(b"layer", &[], ""), &[]).await;
    assert_eq!(again.missing, [layer]);
}

#[tokio::test]
async fn who_misses_lost_content_is_told_to_whoever_can_bring_it_again() {
    let it = Fixture::new().await;
    let (a, b) = (repo("a"), repo("b/c"));
    let layer = push_blob(&it.store, &a, b"layer").await;
    assert!(it.store.repo(&b).mount(layer, &a).await.expect("mounts"));
    let damaged = image(b"layer", &[], "");
    let digest = damaged.digest(Algorithm::Sha256);
    put(&it.store, &a, &damaged, &["v"]).await;
    flip(&it.root().join(blob_path(digest)), 30);
    let loose = push_blob(&it.store, &repo("d"), b"loose").await;
    let unlinked = it.store.repo(&repo("d")).unlink_blob(loose).await;
    assert!(unlinked.expect("deletes"));
    flip(&it.root().join(blob_path(loose)), 0);
    flip(&it.root().join(blob_path(layer)), 3);

    let lost = |name: &RepoName, digest, is_manifest| Lost {
        repository: name.clone(),
        digest,
        is_manifest,
    };
    let found = |found: Scrubbed| {
        let mut lost = found.lost;
        lost.sort_by_key(|lost| (lost.repository.to_string(), !lost.is_manifest));
        lost
    };
    let manifest = lost(&a, digest, true);
    let first = [
        manifest.clone(),
        lost(&a, layer, false),
        lost(&b, layer, false),
    ];
    assert_eq!(found(scrub(&it.store).await), first);
    // The manifest is not there any more to say that it needs the layer.
    assert_eq!(found(scrub(&it.store).await), [manifest]);
}
