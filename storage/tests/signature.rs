//! The contract of signatures: each is kept once, for as long as nobody removes them, whatever else is
//! done to the store.

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use common::{Fixture, files_below, sha256};
use roadstead_storage::oci::{Algorithm, Digest};
use roadstead_storage::{Config, Error, ScrubOptions, Store};
use tokio::runtime::Handle;

fn release() -> Digest {
    sha256(b"a release")
}

fn folder(it: &Fixture) -> PathBuf {
    let name = format!("sha256={}", release().hex());
    it.root().join("signatures").join(name)
}

async fn keep(store: &Store, bytes: &'static [u8]) -> Result<u8, Error> {
    store
        .keep_signature(release(), Bytes::from_static(bytes))
        .await
}

async fn held(store: &Store) -> Vec<Bytes> {
    store.signatures(release()).await.expect("reads")
}

#[tokio::test]
async fn the_same_bytes_are_kept_once_and_others_beside_them() {
    let it = Fixture::new().await;
    assert_eq!(held(&it.store).await, [] as [Bytes; 0]);
    for (bytes, number) in [(b"one", 1), (b"two", 2), (b"one", 1), (b"two", 2)] {
        assert_eq!(keep(&it.store, bytes).await.expect("is kept"), number);
    }
    let other = Digest::of(Algorithm::Sha512, b"another release");
    let kept = it.store.keep_signature(other, "three".into()).await;
    assert_eq!(kept.expect("is kept"), 1);
    assert_eq!(held(&it.store).await, ["one", "two"]);
    assert_eq!(held(&it.reopen().await.store).await, ["one", "two"]);
}

#[tokio::test]
async fn they_lie_where_their_stores_have_them() {
    let it = Fixture::new().await;
    keep(&it.store, b"one").await.expect("is kept");
    let found = files_below(&it.root().join("signatures"));
    let expected = format!("sha256={}/signature-1", release().hex());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn those_put_there_by_hand_count_whatever_numbers_are_left_out() {
    let it = Fixture::new().await;
    let folder = folder(&it);
    fs::create_dir_all(&folder).expect("makes a directory");
    for name in [
        "signature-10",
        "signature-2",
        "signature-02",
        "signature-0",
        "signature-256",
        "signature-",
        "notes",
    ] {
        fs::write(folder.join(name), name).expect("writes");
    }
    assert_eq!(held(&it.store).await, ["signature-2", "signature-10"]);
    assert_eq!(keep(&it.store, b"signature-10").await.expect("is kept"), 10);
    assert_eq!(keep(&it.store, b"new").await.expect("is kept"), 1);
    assert_eq!(keep(&it.store, b"newer").await.expect("is kept"), 3);
}

#[tokio::test]
async fn many_who_keep_at_the_same_time_each_find_a_number() {
    let it = Fixture::new().await;
    let tasks: Vec<_> = (0..40)
        .map(|turn| {
            let store = it.store.clone();
            let bytes = Bytes::from(vec![turn % 20]);
            Handle::current().spawn(async move { store.keep_signature(release(), bytes).await })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.expect("no panic").expect("is kept"));
    }
    assert_eq!(numbers[..20], numbers[20..]);
    let mut sorted = numbers[..20].to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=20).collect::<Vec<u8>>());
    assert_eq!(held(&it.store).await.len(), 20);
}

#[tokio::test]
async fn what_is_too_large_or_too_many_is_refused_and_leaves_nothing() {
    let it = Fixture::new().await;
    let large = Bytes::from(vec![0; 64 * 1024 + 1]);
    let refused = it.store.keep_signature(release(), large.clone()).await;
    assert!(
        matches!(refused, Err(Error::SignatureTooLarge { .. })),
        "{refused:?}"
    );
    assert!(!folder(&it).exists());
    for byte in 1..=99 {
        let bytes = Bytes::from(vec![byte]);
        let kept = it.store.keep_signature(release(), bytes).await;
        assert_eq!(kept.expect("is kept"), byte);
    }
    let refused = keep(&it.store, b"more").await;
    assert!(
        matches!(refused, Err(Error::TooManySignatures { .. })),
        "{refused:?}"
    );
    assert_eq!(held(&it.store).await.len(), 99);
    fs::write(folder(&it).join("signature-50"), &large).expect("writes");
    let refused = it.store.signatures(release()).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
}

#[tokio::test]
async fn removal_takes_all_of_one_release_and_nothing_of_others() {
    let it = Fixture::new().await;
    let other = sha256(b"another release");
    it.store
        .keep_signature(other, "other".into())
        .await
        .expect("is kept");
    for bytes in [b"one", b"two"] {
        keep(&it.store, bytes).await.expect("is kept");
    }
    for expected in [2, 0] {
        let removed = it.store.remove_signatures(release()).await;
        assert_eq!(removed.expect("removes"), expected);
        assert!(!folder(&it).exists());
        assert_eq!(held(&it.store).await, [] as [Bytes; 0]);
    }
    assert_eq!(it.store.signatures(other).await.expect("reads"), ["other"]);
    assert_eq!(keep(&it.store, b"two").await.expect("is kept"), 1);
}

#[tokio::test]
async fn upkeep_leaves_them_alone_and_a_backup_has_them() {
    let it = Fixture::new().await;
    for bytes in [b"one", b"two"] {
        keep(&it.store, bytes).await.expect("is kept");
    }
    it.store.rebuild_index().await.expect("is rebuilt");
    let scrubbed = it
        .store
        .scrub(ScrubOptions::default(), Arc::default(), |_| {});
    assert_eq!(scrubbed.await.expect("reads").defects, []);
    it.store
        .collect(false, Arc::default(), |_| {})
        .await
        .expect("collects");
    assert_eq!(held(&it.store).await, ["one", "two"]);
    let note = it.store.keep_note("releases", "4.18.7", b"a note".to_vec());
    note.await.expect("is noted");
    let copy = it.dir.path().join("copy");
    let backed_up = it.store.backup(copy.clone(), Arc::default(), |_| {}).await;
    assert!(backed_up.expect("backs up").is_complete());
    let copied = Store::open(Config::new(copy)).await.expect("opens");
    assert_eq!(held(&copied).await, ["one", "two"]);
    let note = copied.note("releases", "4.18.7").await.expect("reads");
    assert_eq!(note.as_deref(), Some(b"a note".as_slice()));
}
