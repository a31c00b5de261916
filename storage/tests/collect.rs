//! The contract of collection: what nothing needs goes, what somebody needs or was promised stays.

mod common;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};

use common::{
    Fixture, alice, begin, files_below, image, leave, push_blob, put, repo, resume, sha256, tag,
};
use roadstead_storage::oci::{Algorithm, Reference};
use roadstead_storage::{Clock, Collected, Config, Error, Hook, Op, Phase, Progress, Store};
use tokio::sync::oneshot;

const DAY: u64 = 24 * 60 * 60;

/// A store whose clock is this many seconds ahead.
async fn with_clock() -> (Fixture, Arc<AtomicU64>) {
    let ahead = Arc::new(AtomicU64::new(0));
    let shift = Arc::clone(&ahead);
    let it = Fixture::with(|config| {
        config.clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
        });
    })
    .await;
    (it, ahead)
}

async fn collect(store: &Store) -> Collected {
    store
        .collect(false, Arc::default(), |_| {})
        .await
        .expect("collects")
}

#[tokio::test]
async fn what_no_manifest_needs_goes_after_the_grace_and_not_before() {
    let (it, ahead) = with_clock().await;
    let name = repo("a");
    let kept = push_blob(&it.store, &name, b"kept").await;
    let loose = push_blob(&it.store, &name, b"loose").await;
    put(&it.store, &name, &image(b"kept", &[], ""), &[]).await;

    let early = collect(&it.store).await;
    assert_eq!((early.blobs, early.young), (0, 1));
    ahead.store(DAY, Ordering::Relaxed);
    let plan = it
        .store
        .collect(true, Arc::default(), |_| {})
        .await
        .expect("plans");
    assert_eq!((plan.blobs, plan.bytes), (1, 5));
    assert!(
        it.store
            .repo(&name)
            .blob(loose)
            .await
            .expect("reads")
            .is_some()
    );
    let done = collect(&it.store).await;
    assert_eq!(done, plan);
    assert!(
        it.store
            .repo(&name)
            .blob_size(loose)
            .await
            .expect("reads")
            .is_none()
    );
    assert!(
        it.store
            .repo(&name)
            .blob_size(kept)
            .await
            .expect("reads")
            .is_some()
    );
    // Gone for good one grace later.
    assert_eq!(files_below(&it.root().join("trash")).len(), 1);
    ahead.store(2 * DAY, Ordering::Relaxed);
    collect(&it.store).await;
    assert!(files_below(&it.root().join("trash")).is_empty());
    // And what went can come back.
    push_blob(&it.store, &name, b"loose").await;
}

#[tokio::test]
async fn an_untagged_image_is_there_after_a_year() {
    let (it, ahead) = with_clock().await;
    let name = repo("openshift/release");
    let layer = push_blob(&it.store, &name, b"layer").await;
    let manifest = image(b"layer", &[b"layer"], "");
    put(&it.store, &name, &manifest, &[]).await;
    for month in 1..=12 {
        ahead.store(month * 30 * DAY, Ordering::Relaxed);
        collect(&it.store).await;
    }
    let digest = Reference::Digest(manifest.digest(Algorithm::Sha256));
    let there = it.store.repo(&name);
    assert!(there.manifest(&digest).await.expect("reads").is_some());
    assert!(there.blob(layer).await.expect("reads").is_some());
}

#[tokio::test]
async fn what_a_deleted_manifest_needed_goes_unless_another_repository_needs_it() {
    let (it, ahead) = with_clock().await;
    let (a, b) = (repo("a"), repo("b"));
    for name in [&a, &b] {
        push_blob(&it.store, name, b"shared").await;
    }
    let own = push_blob(&it.store, &a, b"own").await;
    let going = image(b"shared", &[b"own"], "");
    put(&it.store, &a, &going, &["v"]).await;
    put(&it.store, &b, &image(b"shared", &[], ""), &["v"]).await;
    it.store
        .repo(&a)
        .delete_manifest(going.digest(Algorithm::Sha256))
        .await
        .expect("deletes");
    ahead.store(DAY, Ordering::Relaxed);
    // The layer of its own and the manifest itself.
    assert_eq!(collect(&it.store).await.blobs, 2);
    assert!(
        it.store
            .repo(&a)
            .blob_size(own)
            .await
            .expect("reads")
            .is_none()
    );
    assert!(
        it.store
            .repo(&b)
            .blob_size(sha256(b"shared"))
            .await
            .expect("reads")
            .is_some()
    );
}

#[tokio::test]
async fn the_answer_to_head_and_a_mount_are_promises() {
    let (it, ahead) = with_clock().await;
    let (a, b) = (repo("a"), repo("b"));
    let head = push_blob(&it.store, &a, b"head").await;
    let mounted = push_blob(&it.store, &a, b"mounted").await;
    let forgotten = push_blob(&it.store, &a, b"forgotten").await;
    ahead.store(DAY, Ordering::Relaxed);
    assert!(
        it.store
            .repo(&a)
            .blob_size(head)
            .await
            .expect("reads")
            .is_some()
    );
    assert!(it.store.repo(&b).mount(mounted, &a).await.expect("mounts"));
    let done = collect(&it.store).await;
    assert_eq!((done.blobs, done.young), (1, 2));
    assert!(
        it.store
            .repo(&a)
            .blob(forgotten)
            .await
            .expect("reads")
            .is_none()
    );
    let outcome = put(&it.store, &b, &image(b"mounted", &[], ""), &["v"]).await;
    assert!(outcome.missing.is_empty());
}

#[tokio::test]
async fn an_unreadable_manifest_stops_the_collection_before_anything_is_touched() {
    let (it, ahead) = with_clock().await;
    let name = repo("a");
    push_blob(&it.store, &name, b"loose").await;
    let manifest = image(b"config", &[], "");
    put(&it.store, &name, &manifest, &["v"]).await;
    let hex = manifest.digest(Algorithm::Sha256).hex();
    std::fs::write(
        it.root().join("blobs/sha256").join(&hex[..2]).join(&hex),
        "torn",
    )
    .expect("writes");
    let before = files_below(&it.root());
    ahead.store(DAY, Ordering::Relaxed);
    let refused = it.store.collect(false, Arc::default(), |_| {}).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    assert_eq!(files_below(&it.root()), before);
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_is_given_up_after_a_day() {
    let (it, ahead) = with_clock().await;
    let name = repo("a");
    let id = begin(&it.store, &name).await;
    ahead.store(DAY / 2, Ordering::Relaxed);
    assert_eq!(collect(&it.store).await.uploads, 0);
    // One that a request holds is in use, whatever its age.
    ahead.store(2 * DAY, Ordering::Relaxed);
    let held = resume(&it.store, &name, id).await;
    assert_eq!(collect(&it.store).await.uploads, 0);
    held.suspend().await.expect("is kept");
    ahead.store(4 * DAY, Ordering::Relaxed);
    assert_eq!(collect(&it.store).await.uploads, 1);
    let gone = it.store.upload(&name, id, &alice()).await;
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
}

#[tokio::test]
async fn a_collection_stops_when_asked_and_waits_for_another() {
    let (it, _) = with_clock().await;
    put(&it.store, &repo("a"), &image(b"1", &[], ""), &["v"]).await;
    let stop = Arc::new(AtomicBool::new(true));
    let stopped = it.store.collect(false, stop, |_| {}).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");

    let (entered, was_entered) = oneshot::channel();
    let (release, wait) = mpsc::channel::<()>();
    let mut entered = Some(entered);
    let first = it.store.collect(false, Arc::default(), move |_| {
        if let Some(entered) = entered.take() {
            entered.send(()).expect("the test listens");
            wait.recv().expect("the test lets go");
        }
    });
    let second = async {
        was_entered.await.expect("the first one runs");
        let (began, begins) = mpsc::channel();
        let second = it.store.collect(false, Arc::default(), move |_| {
            let _ = began.send(());
        });
        let after_a_while = async {
            tokio::task::yield_now().await;
            assert!(begins.try_recv().is_err(), "beside the first one");
            release.send(()).expect("the first one waits");
        };
        tokio::join!(second, after_a_while).0
    };
    let (first, second) = tokio::join!(first, second);
    for collected in [first, second] {
        assert_eq!(collected.expect("collects").manifests, 1);
    }
}

#[tokio::test]
async fn pushes_under_a_collection_without_grace_leave_nothing_dangling() {
    let it = Fixture::with(|config| config.gc_grace = Duration::ZERO).await;
    let done = Arc::new(AtomicBool::new(false));
    let pushes = async {
        for round in 0..60_u32 {
            let name = repo(["a", "b", "c"][round as usize % 3]);
            let layer = (round % 7).to_le_bytes();
            let manifest = image(&layer, &[], "");
            // Without grace a blob may go between its push and its manifest: then the answer says so.
            loop {
                push_blob(&it.store, &name, &layer).await;
                if put(&it.store, &name, &manifest, &["v"])
                    .await
                    .missing
                    .is_empty()
                {
                    break;
                }
            }
            if round % 5 == 4 {
                let digest = manifest.digest(Algorithm::Sha256);
                it.store
                    .repo(&name)
                    .delete_manifest(digest)
                    .await
                    .expect("deletes");
            }
        }
        done.store(true, Ordering::Relaxed);
    };
    let collections = async {
        while !done.load(Ordering::Relaxed) {
            collect(&it.store).await;
        }
    };
    tokio::join!(pushes, collections);
    for name in ["a", "b", "c"] {
        let summary = it
            .store
            .repo(&repo(name))
            .describe()
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(summary.missing, []);
        for entry in summary.tags {
            let stored = it
                .store
                .repo(&repo(name))
                .manifest(&Reference::Tag(entry.name))
                .await;
            let stored = stored.expect("reads").expect("a tag names a manifest");
            let manifest = roadstead_storage::oci::Manifest::parse(None, stored.bytes.clone());
            let manifest = manifest.or_else(|_| {
                roadstead_storage::oci::Manifest::parse(
                    Some(stored.media_type.as_str()),
                    stored.bytes,
                )
            });
            for blob in manifest.expect("parses").blobs() {
                let held = it
                    .store
                    .repo(&repo(name))
                    .blob(blob.digest)
                    .await
                    .expect("reads");
                assert!(held.is_some(), "{name} lacks {}", blob.digest);
            }
        }
    }
    assert!(
        it.store
            .repo(&repo("a"))
            .manifest_record(&Reference::Tag(tag("none")))
            .await
            .is_ok()
    );
}

/// Holds up the creation of a file of this name, once, until it is let go.
struct HoldUp {
    name: String,
    entered: Mutex<Option<oneshot::Sender<()>>>,
    wait: Mutex<mpsc::Receiver<()>>,
}

impl Hook for HoldUp {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        if let Op::Create { path } = op
            && path.ends_with(&self.name)
            && let Some(entered) = self.entered.lock().expect("one at a time").take()
        {
            entered.send(()).expect("the test listens");
            let wait = self.wait.lock().expect("one at a time");
            wait.recv().expect("the test lets go");
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_blob_is_promised_to_a_repository_that_comes_to_serve_it_beside_a_collection() {
    let (was, by) = (repo("was"), repo("by"));
    for way in ["mounted", "confirmed"] {
        let digest = sha256(way.as_bytes());
        let (entered, was_entered) = oneshot::channel();
        let (release, wait) = mpsc::channel();
        let hold_up = HoldUp {
            name: format!("by/_blobs/sha256/{}", digest.hex()),
            entered: Mutex::new(Some(entered)),
            wait: Mutex::new(wait),
        };
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config::new(dir.path().join("data"));
        config.gc_grace = Duration::ZERO;
        let store = Store::create_or_open_hooked(config, Some(Arc::new(hold_up)));
        let store = store.await.expect("a new store opens");
        push_blob(&store, &was, way.as_bytes()).await;

        let serving = store.repo(&by);
        let linking = async {
            match way {
                "mounted" => serving.mount(digest, &was).await,
                _ => serving.link_confirmed(digest).await,
            }
        };
        let collecting = async {
            was_entered.await.expect("the link is about to be made");
            let swept = move |progress: Progress| {
                if matches!(progress.phase, Phase::Sweep) {
                    let _ = release.send(());
                }
            };
            store.collect(false, Arc::default(), swept).await
        };
        let (linked, collected) = tokio::join!(linking, collecting);
        assert!(linked.expect("links"), "{way}");
        assert_eq!(collected.expect("collects").blobs, 0, "{way}");
        let blob = serving.blob(digest).await.expect("reads");
        assert!(blob.is_some(), "{way}");
    }
}

#[tokio::test]
async fn a_blob_whose_bytes_came_long_before_its_commit_is_promised_by_the_commit() {
    let (it, ahead) = with_clock().await;
    let name = repo("a");
    let id = leave(&it.store, &name, b"slow").await;
    ahead.store(DAY / 2, Ordering::Relaxed);
    let upload = resume(&it.store, &name, id).await;
    upload.commit(sha256(b"slow")).await.expect("commits");
    let collected = collect(&it.store).await;
    assert_eq!((collected.blobs, collected.young), (0, 1));
}
