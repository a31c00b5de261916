//! The contract of backup: a copy of a store in use is a store, holds everything that was acknowledged
//! before, and never opens as anything else.

#[path = "../common/mod.rs"]
mod common;
mod content;
#[path = "../power_cut/disk_model.rs"]
mod disk_model;
mod interrupted;
mod load;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use common::{Fixture, files_below, image, push_blob, put, repo, sha256, tag};
use content::{content, content_of};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference, RepoName};
use roadstead_storage::{BackedUp, Clock, Config, Error, Phase, ScrubOptions, Store, Target};

/// What the server keeps beside the store.
const OTHERS: [(&str, &str); 4] = [
    ("certs/ca.pem", "authority"),
    ("certs/token.key", "key"),
    ("signatures/sha256=00/signature-1", "signature"),
    ("users.htpasswd", "users"),
];

async fn back_up(store: &Store, dir: &Path) -> Result<BackedUp, Error> {
    store.backup(dir.to_owned(), Arc::default(), |_| {}).await
}

async fn remove(store: &Store, name: &RepoName) {
    let removed = store.repo(name).remove(Target::All, false).await;
    assert!(removed.expect("removes").is_some());
}

fn digest_of(manifest: &Manifest) -> Digest {
    manifest.digest(Algorithm::Sha256)
}

/// An image that refers to another.
fn referrer(config: &[u8], subject: &Manifest) -> Manifest {
    let (digest, size) = (digest_of(subject), subject.bytes().len());
    let subject = format!(
        r#","subject":{{"mediaType":"{}","digest":"{digest}","size":{size}}}"#,
        subject.media_type()
    );
    image(config, &[], &subject)
}

/// Two repositories, one below the other, with a layer in common; and what the server keeps there.
async fn populate(store: &Store, root: &Path) -> Manifest {
    let (a, b) = (repo("a"), repo("a/b"));
    for name in [&a, &b] {
        push_blob(store, name, b"layer").await;
    }
    let manifest = image(b"layer", &[b"layer"], "");
    put(store, &a, &manifest, &["v1", "latest"]).await;
    put(store, &b, &manifest, &[]).await;
    put(store, &a, &referrer(b"layer", &manifest), &[]).await;
    std::fs::create_dir_all(root.join("certs")).expect("makes a directory");
    std::fs::create_dir_all(root.join("signatures/sha256=00")).expect("makes a directory");
    for (path, text) in OTHERS {
        std::fs::write(root.join(path), text).expect("writes");
    }
    manifest
}

#[tokio::test]
async fn a_copy_opens_as_a_store_that_holds_the_same() {
    let it = Fixture::new().await;
    populate(&it.store, &it.root()).await;
    let copy = it.dir.path().join("copy");
    let done = back_up(&it.store, &copy).await.expect("backs up");
    assert!(done.is_complete());
    assert_eq!((done.repositories, done.manifests, done.tags), (2, 3, 2));
    assert_eq!((done.blobs, done.copied, done.removed), (3, 3, 0));
    let original = it.root();
    assert_eq!(content(&copy).await, content_of(it.store, &it.dir).await);
    for (path, text) in OTHERS {
        let read = std::fs::read_to_string(copy.join(path));
        assert_eq!(read.expect("is there"), text, "{path}");
    }
    let last_use = |root: &Path| {
        let path = root.join("repos/a/_tags/v1");
        path.metadata()
            .and_then(|file| file.modified())
            .expect("is there")
    };
    assert_eq!(last_use(&copy), last_use(&original));
}

#[tokio::test]
async fn the_next_backup_copies_what_is_new_and_removes_what_is_gone() {
    let it = Fixture::new().await;
    populate(&it.store, &it.root()).await;
    let copy = it.dir.path().join("copy");
    back_up(&it.store, &copy).await.expect("backs up");
    let again = back_up(&it.store, &copy).await.expect("backs up");
    assert_eq!((again.copied, again.bytes, again.removed), (0, 0, 0));

    // Whoever looks into the copy leaves an index behind, which must not be believed afterwards.
    let looked = Store::open(Config::new(&copy)).await.expect("opens");
    looked.rebuild_index().await.expect("is rebuilt");
    looked.close().await;
    let (a, c) = (repo("a"), repo("c"));
    push_blob(&it.store, &c, b"new layer").await;
    let new = image(b"new layer", &[], "");
    put(&it.store, &c, &new, &["v1"]).await;
    put(&it.store, &a, &image(b"layer", &[], ""), &["latest"]).await;
    it.store
        .repo(&a)
        .delete_tag(&tag("v1"))
        .await
        .expect("deletes");
    remove(&it.store, &repo("a/b")).await;
    std::fs::write(it.root().join("users.htpasswd"), "other users").expect("writes");
    std::fs::remove_file(it.root().join("certs/token.key")).expect("removes");
    let third = back_up(&it.store, &copy).await.expect("backs up");
    assert_eq!((third.copied, third.repositories, third.tags), (3, 2, 2));
    let looked = Store::open(Config::new(&copy)).await.expect("opens");
    assert!(!looked.index_ready());
    drop(looked);
    assert_eq!(content(&copy).await, content_of(it.store, &it.dir).await);
    assert_eq!(
        std::fs::read_to_string(copy.join("users.htpasswd")).expect("is there"),
        "other users"
    );
    assert!(!copy.join("certs/token.key").exists());
    assert!(!copy.join("repos/a/b").exists());
}

#[tokio::test]
async fn a_directory_that_holds_something_else_is_left_alone() {
    let it = Fixture::new().await;
    populate(&it.store, &it.root()).await;
    let refuses = async |dir: &Path| {
        let before = dir.exists().then(|| files_below(dir));
        let refused = back_up(&it.store, dir).await;
        let left = dir.exists().then(|| files_below(dir));
        assert!(
            matches!(refused, Err(Error::NotForBackup { .. })),
            "{refused:?}"
        );
        assert_eq!(left, before);
    };
    refuses(&it.root()).await;
    refuses(&it.root().join("copy")).await;
    std::os::unix::fs::symlink(it.root(), it.dir.path().join("link")).expect("links");
    refuses(&it.dir.path().join("link/copy")).await;
    // What the store itself lies in.
    refuses(it.dir.path()).await;
    let other = it.dir.path().join("other");
    let opened = Store::create_or_open(Config::new(&other)).await;
    drop(opened.expect("opens"));
    refuses(&other).await;
    let missing = back_up(&it.store, &it.dir.path().join("not/there")).await;
    assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
}

#[tokio::test]
async fn a_copy_in_use_is_refused_and_one_that_was_served_is_a_copy_no_more() {
    let it = Fixture::new().await;
    populate(&it.store, &it.root()).await;
    let copy = it.dir.path().join("copy");
    back_up(&it.store, &copy).await.expect("backs up");
    let looked = Store::open(Config::new(&copy)).await.expect("opens");
    let refused = back_up(&it.store, &copy).await;
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    drop(looked);
    back_up(&it.store, &copy).await.expect("nobody uses it");

    let served = Store::create_or_open(Config::new(&copy))
        .await
        .expect("opens");
    push_blob(&served, &repo("mine"), b"new").await;
    drop(served);
    let refused = back_up(&it.store, &copy).await;
    assert!(
        matches!(refused, Err(Error::NotForBackup { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn damage_is_reported_and_never_replaces_what_the_copy_has() {
    let it = Fixture::new().await;
    let manifest = populate(&it.store, &it.root()).await;
    let copy = it.dir.path().join("copy");
    back_up(&it.store, &copy).await.expect("backs up");
    let whole = content(&copy).await;
    let a = repo("a");
    let young = push_blob(&it.store, &a, b"pushed since").await;
    let blob = |digest: Digest| {
        let hex = digest.hex();
        PathBuf::from("blobs/sha256").join(&hex[..2]).join(hex)
    };
    let damaged = [
        blob(sha256(b"layer")),
        blob(digest_of(&manifest)),
        blob(young),
        PathBuf::from("repos/a/_tags/latest"),
        PathBuf::from("repos/a/_manifests/sha256").join(digest_of(&manifest).hex()),
    ];
    for path in &damaged {
        std::fs::write(it.root().join(path), "not what it was").expect("writes");
    }
    let done = back_up(&it.store, &copy).await.expect("backs up");
    assert!(!done.is_complete());
    assert_eq!(done.damaged, damaged.into_iter().collect());
    assert_eq!(content(&copy).await, whole);

    // A scrub takes it all away from the store, and nothing from the copy.
    let scrubbed = it
        .store
        .scrub(ScrubOptions::default(), Arc::default(), |_| {})
        .await
        .expect("scrubs");
    assert!(scrubbed.has_losses());
    let done = back_up(&it.store, &copy).await.expect("backs up");
    assert_eq!(done.copied, 0);
    assert_eq!(content(&copy).await, whole);
    // What somebody deletes is gone there too.
    remove(&it.store, &a).await;
    back_up(&it.store, &copy).await.expect("backs up");
    let left = content(&copy).await;
    assert!(left.keys().any(|name| name.starts_with("a/b")));
}

#[tokio::test]
async fn a_backup_that_was_stopped_does_not_open_and_goes_on() {
    let it = Fixture::new().await;
    populate(&it.store, &it.root()).await;
    let copy = it.dir.path().join("copy");
    let stop = Arc::new(AtomicBool::new(false));
    let at_once = Arc::clone(&stop);
    let stopped = it
        .store
        .backup(copy.clone(), stop, move |_| {
            at_once.store(true, Ordering::Relaxed);
        })
        .await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    for opened in [
        Store::open(Config::new(&copy)).await,
        Store::create_or_open(Config::new(&copy)).await,
    ] {
        assert!(
            matches!(opened, Err(Error::UnfinishedBackup { .. })),
            "{opened:?}"
        );
    }
    let done = back_up(&it.store, &copy).await.expect("goes on");
    assert!(done.copied < done.blobs);
    assert_eq!(content(&copy).await, content_of(it.store, &it.dir).await);
}

#[tokio::test]
async fn nothing_is_collected_while_a_backup_runs() {
    let it = Fixture::new().await;
    populate(&it.store, &it.root()).await;
    let (entered, was_entered) = tokio::sync::oneshot::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let mut entered = Some(entered);
    let copy = it.dir.path().join("copy");
    let backup = it.store.backup(copy, Arc::default(), move |progress| {
        if progress.phase == Phase::Copy
            && let Some(entered) = entered.take()
        {
            entered.send(()).expect("the test listens");
            wait.recv().expect("the test lets go");
        }
    });
    let collection = async {
        was_entered.await.expect("the backup runs");
        let refused = it.store.collect(false, Arc::default(), |_| {}).await;
        // All else goes on.
        push_blob(&it.store, &repo("a"), b"meanwhile").await;
        release.send(()).expect("the backup waits");
        refused
    };
    let (backed_up, collected) = tokio::join!(backup, collection);
    backed_up.expect("backs up");
    assert!(matches!(collected, Err(Error::BackingUp)), "{collected:?}");
    let collected = it.store.collect(false, Arc::default(), |_| {}).await;
    collected.expect("collects");
}

#[tokio::test]
async fn progress_says_how_many_bytes_there_are_to_copy() {
    let it = Fixture::new().await;
    push_blob(&it.store, &repo("a"), &vec![1; 3 << 20]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let backup = it.store.backup(
        it.dir.path().join("copy"),
        Arc::default(),
        move |progress| {
            told.lock().expect("no panic under the lock").push(progress);
        },
    );
    backup.await.expect("backs up");
    let seen = seen.lock().expect("no panic under the lock");
    let copied: Vec<_> = seen
        .iter()
        .filter(|told| told.phase == Phase::Copy)
        .collect();
    assert_eq!(copied.len(), 3);
    assert!(copied.iter().all(|told| told.total == Some(3 << 20)));
    assert_eq!(copied.last().map(|told| told.done), Some(3 << 20));
    assert!(seen.iter().any(|told| told.phase == Phase::Names));
}

#[tokio::test]
async fn an_untagged_image_is_there_after_a_restore_and_a_year() {
    let it = Fixture::new().await;
    let name = repo("openshift/release");
    let layer = push_blob(&it.store, &name, b"layer").await;
    let manifest = image(b"layer", &[b"layer"], "");
    put(&it.store, &name, &manifest, &[]).await;
    let copy = it.dir.path().join("copy");
    back_up(&it.store, &copy).await.expect("backs up");
    let mut config = Config::new(&copy);
    config.clock = Clock::from_fn(|| SystemTime::now() + Duration::from_hours(24 * 365));
    let restored = Store::create_or_open(config).await.expect("opens");
    for _ in 0..2 {
        let collected = restored.collect(false, Arc::default(), |_| {}).await;
        assert_eq!(collected.expect("collects").blobs, 0);
    }
    let there = restored.repo(&name);
    let digest = Reference::Digest(digest_of(&manifest));
    assert!(there.manifest(&digest).await.expect("reads").is_some());
    assert!(there.blob(layer).await.expect("reads").is_some());
}
