//! What happens on a disk that is really full: a small file system that is mounted for the test.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use roadstead_storage::oci::{Algorithm, Digest, Reference, RepoName};
use roadstead_storage::{Config, KeepFree, Store};

use crate::common::{files_below, image, push_blob, put, repo, sha256, tag, try_put};
use crate::{MIB, is_out_of_room, try_push};

/// A file system of 16 MiB of its own, where this machine lets the test have one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"])
            .arg(dir.path())
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            Some(Self(dir))
        } else {
            eprintln!("SKIPPED: no small file system could be mounted; this test needs root");
            None
        }
    }

    fn free(&self) -> u64 {
        let said = rustix::fs::statvfs(self.0.path()).expect("it says what is free");
        said.f_bavail * said.f_frsize
    }

    /// Fills the disk to the last byte, from outside the store.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut file = std::fs::File::create(&path).expect("creates");
        let filled = io::copy(&mut io::repeat(1), &mut file);
        let kind = filled.expect_err("the disk has an end").kind();
        assert_eq!(kind, io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// Pushes until there is no more room. What went in.
async fn push_until_refused(store: &Store, name: &RepoName) -> Vec<Digest> {
    let mut pushed = Vec::new();
    for number in 0..u8::MAX {
        match try_push(store, name, &vec![number; MIB]).await {
            Ok(digest) => pushed.push(digest),
            refused if is_out_of_room(&refused) => return pushed,
            other => panic!("{other:?}"),
        }
    }
    panic!("the disk has no end");
}

async fn all_read_back(store: &Store, name: &RepoName, digests: &[Digest]) {
    for digest in digests {
        let reader = store.repo(name).blob(*digest).await.expect("reads");
        let bytes = reader.expect("is there").read(0, 2 * MIB).await;
        assert_eq!(sha256(&bytes.expect("reads")), *digest);
    }
}

/// The disk is asked now and then only.
async fn until_pushed(store: &Store, name: &RepoName, bytes: &[u8]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(refused) = try_push(store, name, bytes).await {
        assert!(Instant::now() < deadline, "{refused:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_has_to_stay_free_of_a_small_disk_stays_free() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let mut config = Config::new(disk.0.path().join("data"));
    config.keep_free = KeepFree::Bytes(4 * MIB as u64);
    let store = Store::create_or_open(config.clone()).await.expect("opens");
    let name = repo("a");
    let pushed = push_until_refused(&store, &name).await;
    assert!((9..=12).contains(&pushed.len()), "{}", pushed.len());
    // Records and directories are not counted beforehand; they are small.
    assert!(
        disk.free() + MIB as u64 / 4 > 4 * MIB as u64,
        "{}",
        disk.free()
    );
    assert_eq!(files_below(&config.root.join("uploads")), [] as [&str; 0]);
    all_read_back(&store, &name, &pushed).await;

    // Somebody else takes what was kept free, and gives it back.
    let filler = disk.fill();
    let refused = try_push(&store, &name, b"small").await;
    assert!(is_out_of_room(&refused), "{refused:?}");
    all_read_back(&store, &name, &pushed).await;
    assert!(
        store
            .repo(&name)
            .unlink_blob(pushed[0])
            .await
            .expect("deletes")
    );
    std::fs::remove_file(filler).expect("removes");
    // As after the collection of what was just deleted.
    std::fs::remove_file(blob_path(&config.root, pushed[0])).expect("removes");
    until_pushed(&store, &name, b"small").await;
}

fn blob_path(root: &Path, digest: Digest) -> PathBuf {
    let hex = digest.hex();
    root.join("blobs/sha256").join(&hex[..2]).join(hex)
}

#[tokio::test]
async fn a_disk_filled_to_the_last_byte_loses_nothing_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let mut config = Config::new(disk.0.path().join("data"));
    config.keep_free = KeepFree::Bytes(0);
    let store = Store::create_or_open(config.clone()).await.expect("opens");
    let name = repo("a");
    let layer = push_blob(&store, &name, b"layer").await;
    let manifest = image(b"layer", &[], "");
    put(&store, &name, &manifest, &["v"]).await;
    let pushed = push_until_refused(&store, &name).await;
    let filler = disk.fill();

    let other = image(b"layer", &[], r#","annotations":{"a":"b"}"#);
    let refused = try_put(&store, &name, &other, &["v"]).await;
    assert!(is_out_of_room(&refused), "{refused:?}");
    assert!(store.read_only().is_none());
    assert_eq!(files_below(&config.root.join("tmp")), [] as [&str; 0]);
    assert_eq!(files_below(&config.root.join("uploads")), [] as [&str; 0]);
    all_read_back(&store, &name, &pushed).await;
    all_read_back(&store, &name, &[layer]).await;
    let stored = store.repo(&name).manifest(&Reference::Tag(tag("v"))).await;
    let stored = stored.expect("reads").expect("is there");
    assert_eq!(stored.digest, manifest.digest(Algorithm::Sha256));
    assert!(
        store
            .repo(&name)
            .delete_tag(&tag("v"))
            .await
            .expect("deletes")
    );

    std::fs::remove_file(filler).expect("removes");
    for blob in &pushed {
        std::fs::remove_file(blob_path(&config.root, *blob)).expect("removes");
    }
    until_pushed(&store, &name, &vec![1; 3 * MIB]).await;
    put(&store, &name, &other, &["v"]).await;
}
