//! Blobs: one download for all who ask, read while it goes on.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::{At, Fault, Gate, Noise, Upstream};
use roadstead_mirror::Blob;
use tokio::time::timeout;

use crate::lab::{Lab, image, known, place, read, repo};

const LENGTH: u64 = 3_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_downloaded_once_however_many_ask() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", Noise::new(1, LENGTH)));
    let lab = Lab::new(&upstream).await;
    let asking = (0..200).map(|_| async {
        let read = match lab.blob(digest).await.expect("it is there") {
            Blob::Arriving(reader) => read(reader).await.expect("it comes"),
            Blob::Held(held) => (held.digest(), held.size()),
            Blob::Passing(_) => panic!("there is room for it"),
        };
        assert_eq!(read, (digest, LENGTH));
    });
    join_all(asking).await;
    // Who joins without a manifest that refers to it has the upstream confirm it, and no more.
    let whole = upstream.count(|asked| asked.sent == LENGTH);
    assert_eq!(whole, 1);
    assert!(lab.holds(digest).await);
    assert_eq!(lab.left_behind().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_of_a_held_manifest_costs_one_request_however_many_ask() {
    let upstream = Upstream::start();
    let image = image("x");
    upstream.put("a/b", "1", &image);
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    let gate = Gate::new();
    upstream.always(Fault::Hold(At::Byte(1), gate.clone()));
    let layer = known(&harness::Digest::of(&image.layers[0]));
    let first = lab.arriving(layer).await;
    let joined = join_all((0..200).map(|_| lab.arriving(layer))).await;
    gate.open();
    for reader in joined.into_iter().chain([first]) {
        read(reader).await.expect("it comes");
    }
    assert_eq!(upstream.wanted().len(), 2);
}

#[tokio::test]
async fn what_has_come_is_read_before_the_rest_has() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", Noise::new(1, LENGTH)));
    let gate = Gate::new();
    upstream.always(Fault::Hold(At::Byte(1_000_000), gate.clone()));
    let lab = Lab::new(&upstream).await;
    let mut reader = lab.arriving(digest).await;
    assert_eq!(reader.size().await.expect("it is said"), LENGTH);
    let mut offset = 0;
    while offset < 999_999 {
        offset += reader
            .read(offset, 1 << 20)
            .await
            .expect("it has come")
            .len() as u64;
    }
    let late = lab.arriving(digest);
    let mut late = timeout(Duration::from_secs(5), late)
        .await
        .expect("at once");
    let begun = Instant::now();
    assert_eq!(late.read(500_000, 10).await.expect("it has come").len(), 10);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    gate.open();
    assert_eq!(read(late).await.expect("it comes"), (digest, LENGTH));
    assert_eq!(read(reader).await.expect("it comes"), (digest, LENGTH));
}

#[tokio::test]
async fn a_client_that_hangs_up_disturbs_nobody() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", Noise::new(1, LENGTH)));
    let gate = Gate::new();
    upstream.always(Fault::Hold(At::Start, gate.clone()));
    let lab = Lab::new(&upstream).await;
    // Gone before the upstream has said a word.
    let leader = timeout(Duration::from_millis(100), lab.blob(digest)).await;
    assert!(leader.is_err());
    upstream.behave();
    let follower = lab.arriving(digest).await;
    gate.open();
    assert_eq!(read(follower).await.expect("it comes"), (digest, LENGTH));
    assert!(lab.holds(digest).await);
}

#[tokio::test]
async fn content_of_another_repository_is_not_downloaded_again() {
    let upstream = Upstream::start();
    let image = image("x");
    upstream.put("a/b", "1", &image);
    upstream.put("c/d", "1", &image);
    let lab = Lab::new(&upstream).await;
    let layer = known(&harness::Digest::of(&image.layers[0]));
    lab.tag("1").await.expect("it is there");
    read(lab.arriving(layer).await).await.expect("it comes");
    let other = roadstead_mirror::Place {
        local: repo("upstream/c/d"),
        remote: repo("c/d"),
    };
    let before = upstream.sent();
    // Nothing here says that the other repository has it: its upstream does.
    let given = lab.pull_through.blob(&other, layer).await;
    assert!(matches!(given, Ok(Blob::Held(_))), "{given:?}");
    lab.pull_through
        .tag(&other, &"1".parse().expect("a tag"))
        .await
        .expect("it is there");
    let held = lab.store.repo(&other.local).blob(layer).await;
    assert!(held.expect("reads").is_some());
    assert!(upstream.sent() - before < 2 * image.manifest.bytes.len() as u64 + 1000);
}

#[tokio::test]
async fn a_blob_is_given_only_where_the_upstream_has_it() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("c/d", Noise::new(1, LENGTH)));
    let lab = Lab::new(&upstream).await;
    let there = roadstead_mirror::Place {
        local: repo("upstream/c/d"),
        remote: repo("c/d"),
    };
    let gate = Gate::new();
    upstream.when(move |asked| {
        let is_there = asked.path().contains("/c/d/");
        is_there.then(|| Fault::Hold(At::Byte(9), gate.clone()))
    });
    let Ok(Blob::Arriving(_reader)) = lab.pull_through.blob(&there, digest).await else {
        panic!("it is on its way");
    };
    // Neither while it comes nor afterwards.
    let error = lab.blob(digest).await.expect_err("it is not in this one");
    assert!(error.is_not_found(), "{error}");
    assert!(!lab.holds(digest).await);
    assert!(
        !lab.store
            .repo(&place().local)
            .exists()
            .await
            .expect("reads")
    );
}
