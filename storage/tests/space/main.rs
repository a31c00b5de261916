//! The contract of the limits: pushes are refused before the store is too large or the disk too full,
//! everything else goes on, and no restart is needed when there is room again.

#[path = "../common/mod.rs"]
mod common;
mod small_disk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{
    Fixture, alice, files_below, image, leave, push_blob, put, repo, resume, sha256, tag, try_put,
};
use roadstead_storage::oci::{Algorithm, Digest, RepoName};
use roadstead_storage::{Clock, Config, Error, Hook, KeepFree, Limit, Op, Store};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const DAY: u64 = 24 * 60 * 60;

/// Uploads a blob in batches; the first error ends it.
async fn try_push(store: &Store, name: &RepoName, bytes: &[u8]) -> Result<Digest, Error> {
    let digest = sha256(bytes);
    let id = store
        .begin_upload(name, &alice(), Algorithm::Sha256)
        .await?;
    let mut upload = store.upload(name, id, &alice()).await?;
    for batch in bytes.chunks(16 * KIB) {
        upload.append(Bytes::copy_from_slice(batch)).await?;
    }
    upload.commit(digest).await.map(|_| digest)
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(pushed: &Result<T, Error>) {
    assert!(matches!(pushed, Err(Error::OverQuota { .. })), "{pushed:?}");
}

/// Refused by the store, or by a disk that somebody else has just filled.
fn is_out_of_room<T>(pushed: &Result<T, Error>) -> bool {
    matches!(pushed, Err(Error::OverQuota { .. } | Error::Full { .. }))
}

/// What counts: every blob, and what has come of uploads.
fn bytes_on_disk(root: &Path) -> u64 {
    let lengths = |dir: &str, counts: fn(&str) -> bool| -> u64 {
        let dir = root.join(dir);
        let files = files_below(&dir)
            .into_iter()
            .filter(|path| counts(path))
            .map(|path| dir.join(path).metadata().map_or(0, |file| file.len()));
        files.sum()
    };
    lengths("blobs", |_| true) + lengths("uploads", |path| path.ends_with("/data"))
}

async fn used(store: &Store) -> u64 {
    let usage = store.usage().await.expect("says");
    usage.used.expect("it is limited")
}

fn limited(max_size: usize) -> impl FnOnce(&mut Config) {
    move |config| config.max_size = Some(max_size as u64)
}

#[tokio::test]
async fn a_push_beyond_the_limit_is_refused_and_leaves_nothing() {
    let it = Fixture::with(limited(100 * KIB)).await;
    let name = repo("a");
    let held = push_blob(&it.store, &name, &vec![1; 90 * KIB]).await;
    let refused = try_push(&it.store, &name, &vec![2; 20 * KIB]).await;
    assert!(
        matches!(
            refused,
            Err(Error::OverQuota {
                limit: Limit::MaxSize { .. }
            })
        ),
        "{refused:?}"
    );
    assert_eq!(files_below(&it.root().join("uploads")), [] as [&str; 0]);
    // To the last byte, and not one more.
    push_blob(&it.store, &name, &vec![3; 10 * KIB]).await;
    let manifest = image(b"", &[], "");
    is_refused(&try_put(&it.store, &name, &manifest, &["v"]).await);
    is_refused(&try_push(&it.store, &name, &[4]).await);
    assert_eq!(used(&it.store).await, 100 * KIB as u64);
    assert_eq!(bytes_on_disk(&it.root()), 100 * KIB as u64);
    // Pulls go on, and so do mounts, which take nothing.
    let there = it.store.repo(&name);
    let reader = there.blob(held).await.expect("reads").expect("is there");
    assert_eq!(reader.read(0, 3).await.expect("reads"), [1, 1, 1][..]);
    assert!(
        it.store
            .repo(&repo("b"))
            .mount(held, &name)
            .await
            .expect("mounts")
    );
}

#[tokio::test]
async fn deleting_and_collecting_make_room_without_a_restart() {
    let ahead = Arc::new(AtomicU64::new(0));
    let shift = Arc::clone(&ahead);
    let it = Fixture::with(|config| {
        config.max_size = Some(64 * KIB as u64);
        config.clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
        });
    })
    .await;
    let name = repo("a");
    let layer = vec![1; 60 * KIB];
    push_blob(&it.store, &name, &layer).await;
    let manifest = image(&layer, &[], "");
    put(&it.store, &name, &manifest, &["v"]).await;
    is_refused(&try_push(&it.store, &name, &vec![2; 10 * KIB]).await);
    let gone = it
        .store
        .repo(&name)
        .delete_manifest(manifest.digest(Algorithm::Sha256))
        .await;
    assert_eq!(gone.expect("deletes"), Some(vec![tag("v")]));
    ahead.store(DAY, Ordering::Relaxed);
    it.store
        .collect(false, Arc::default(), |_| {})
        .await
        .expect("collects");
    assert_eq!(used(&it.store).await, 0);
    push_blob(&it.store, &name, &vec![2; 60 * KIB]).await;
}

#[tokio::test]
async fn what_was_there_before_a_restart_counts() {
    let it = Fixture::new().await;
    let name = repo("a");
    push_blob(&it.store, &name, &vec![1; 30 * KIB]).await;
    let id = leave(&it.store, &name, &vec![2; 5 * KIB]).await;
    let Fixture { dir, store } = it;
    drop(store);

    let mut config = Config::new(dir.path().join("data"));
    config.max_size = Some(40 * KIB as u64);
    let store = Store::open(config).await.expect("opens again");
    is_refused(&try_push(&store, &name, &vec![3; 6 * KIB]).await);
    assert_eq!(used(&store).await, 35 * KIB as u64);
    let upload = resume(&store, &name, id).await;
    upload.cancel().await.expect("is given up");
    push_blob(&store, &name, &vec![3; 10 * KIB]).await;
}

#[tokio::test]
async fn what_is_said_to_be_used_is_what_lies_on_disk_whatever_was_done() {
    let it = Fixture::with(|config| {
        config.max_size = Some(200 * KIB as u64);
        config.gc_grace = Duration::ZERO;
    })
    .await;
    let name = repo("a");
    let mut seed = 1_u32;
    let mut random = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let (mut pushed, mut refused) = (0, 0);
    for _ in 0..400 {
        // Few different contents, so that many are there already.
        let content = vec![7; random(40) as usize * KIB];
        match random(12) {
            0..6 => match try_push(&it.store, &name, &content).await {
                Ok(_) => pushed += 1,
                other => {
                    is_refused(&other);
                    refused += 1;
                }
            },
            6..8 => {
                let manifest = image(&content, &[], "");
                match try_put(&it.store, &name, &manifest, &[]).await {
                    Ok(_) => pushed += 1,
                    other => {
                        is_refused(&other);
                        refused += 1;
                    }
                }
            }
            8 => {
                let begun = it
                    .store
                    .begin_upload(&name, &alice(), Algorithm::Sha256)
                    .await;
                let Ok(id) = begun else {
                    continue;
                };
                let upload = it.store.upload(&name, id, &alice()).await;
                let mut upload = upload.expect("is there");
                if upload.append(content.clone()).await.is_ok()
                    && upload.truncate(content.len() as u64 / 2).await.is_ok()
                {
                    let refused = upload.commit(sha256(b"something else")).await;
                    assert!(matches!(refused, Err(Error::DigestMismatch { .. })));
                }
            }
            9 => {
                let begun = it
                    .store
                    .begin_upload(&name, &alice(), Algorithm::Sha256)
                    .await;
                if let Ok(id) = begun {
                    let upload = it.store.upload(&name, id, &alice()).await;
                    let mut upload = upload.expect("is there");
                    if upload.append(content).await.is_ok() {
                        let _ = upload.cancel().await;
                    }
                }
            }
            10 => {
                let digest = image(&content, &[], "").digest(Algorithm::Sha256);
                let deleted = it.store.repo(&name).delete_manifest(digest).await;
                deleted.expect("deletes");
            }
            _ => {
                let collected = it.store.collect(false, Arc::default(), |_| {}).await;
                collected.expect("collects");
            }
        }
        assert_eq!(used(&it.store).await, bytes_on_disk(&it.root()));
    }
    assert!(pushed > 50 && refused > 20, "{pushed} and {refused}");
}

/// Fails the test when there is ever more on disk than there may be.
struct NeverMoreThan {
    root: PathBuf,
    bytes: u64,
}

impl Hook for NeverMoreThan {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        if matches!(op, Op::Write { .. } | Op::Rename { .. }) {
            // In this order nothing is seen twice that becomes a blob meanwhile.
            let found: u64 = ["blobs", "uploads"]
                .iter()
                .map(|dir| tree_bytes(&self.root.join(dir)))
                .sum();
            assert!(found <= self.bytes, "{found} bytes are on disk");
        }
        Ok(())
    }
}

/// As [`bytes_on_disk`], of a tree that changes meanwhile.
fn tree_bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        let counts = path.ends_with("data") || path.iter().any(|name| name == "blobs");
        return path
            .metadata()
            .map_or(0, |file| if counts { file.len() } else { 0 });
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| tree_bytes(&entry.path()))
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_side_by_side_cannot_overshoot_together() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path().join("data");
    let mut config = Config::new(root.clone());
    config.max_size = Some(MIB as u64);
    let bytes = MIB as u64;
    let hook = Arc::new(NeverMoreThan {
        root: root.clone(),
        bytes,
    });
    let store = Store::create_or_open_hooked(config, Some(hook))
        .await
        .expect("opens");
    let mut pushes = tokio::task::JoinSet::new();
    for number in 0..24_u8 {
        let store = store.clone();
        pushes.spawn(async move { try_push(&store, &repo("a"), &vec![number; 100 * KIB]).await });
    }
    let outcomes = pushes.join_all().await;
    let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert!((1..=10).contains(&done.len()), "{} went in", done.len());
    failed.iter().for_each(is_refused);
    assert_eq!(files_below(&root.join("uploads")), [] as [&str; 0]);
    assert_eq!(used(&store).await, (done.len() * 100 * KIB) as u64);
    assert_eq!(bytes_on_disk(&root), (done.len() * 100 * KIB) as u64);
}

#[tokio::test]
async fn a_disk_that_has_to_stay_free_is_left_alone() {
    let it = Fixture::with(|config| config.keep_free = KeepFree::Bytes(u64::MAX)).await;
    let begun = it
        .store
        .begin_upload(&repo("a"), &alice(), Algorithm::Sha256)
        .await;
    is_refused(&begun);
    is_refused(&try_put(&it.store, &repo("a"), &image(b"", &[], ""), &[]).await);
    assert_eq!(files_below(&it.root().join("blobs")), [] as [&str; 0]);
    assert_eq!(files_below(&it.root().join("uploads")), [] as [&str; 0]);
    let usage = it.store.usage().await.expect("says");
    assert_eq!(usage.keep_free, u64::MAX);
    assert_eq!(usage.used, None);
}
