//! What was acknowledged is on disk, and a disk in doubt takes nothing more.

mod common;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::{alice, begin, image, push_blob, put, repo, resume, sha256, tag, try_put};
use roadstead_storage::oci::{Algorithm, Reference};
use roadstead_storage::{Config, Error, Hook, Op, Store};

/// Knows at each moment which names and bytes a power cut could take.
#[derive(Default)]
struct Unsynced {
    dirty: Mutex<BTreeSet<PathBuf>>,
}

impl Unsynced {
    /// What an acknowledged operation left unsynced, apart from what may be lost.
    fn beyond(&self, may_be_lost: &[&str]) -> Vec<PathBuf> {
        let dirty = self.dirty.lock().expect("no panic under the lock");
        let counts = |path: &&PathBuf| {
            !may_be_lost
                .iter()
                .any(|part| path.components().any(|name| name.as_os_str() == *part))
        };
        dirty.iter().filter(counts).cloned().collect()
    }
}

impl Hook for Unsynced {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let mut dirty = self.dirty.lock().expect("no panic under the lock");
        let parent = |path: &Path| path.parent().expect("has a parent").join(".");
        match op {
            Op::Create { path } => {
                dirty.insert(path.to_path_buf());
                dirty.insert(parent(path));
            }
            Op::Write { path, .. } | Op::Truncate { path, .. } => {
                dirty.insert(path.to_path_buf());
            }
            Op::MakeDir { path } if !path.exists() => {
                dirty.insert(parent(path));
            }
            Op::Remove { path } | Op::RemoveDir { path } if path.exists() => {
                dirty.remove(*path);
                dirty.insert(parent(path));
            }
            Op::Rename { from, to } => {
                let in_session = to.components().any(|name| name.as_os_str() == "uploads");
                assert!(
                    !dirty.remove(*from) || in_session,
                    "{} gets its name unsynced",
                    to.display()
                );
                dirty.insert(parent(from));
                dirty.insert(parent(to));
            }
            Op::SyncFile { path } => {
                dirty.remove(*path);
            }
            Op::SyncDir { path } => {
                dirty.remove(&path.join("."));
            }
            _ => {}
        }
        Ok(())
    }
}

#[tokio::test]
async fn everything_acknowledged_is_synced_before_the_answer() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let hook = Arc::new(Unsynced::default());
    let config = Config::new(dir.path().join("data"));
    let store = Store::create_or_open_hooked(config, Some(hook.clone()))
        .await
        .expect("opens");
    let name = repo("a/b/c");
    // Sessions and temporary files may be lost; a state is only a rename away from its session.
    let clean = |what: &str| {
        assert_eq!(
            hook.beyond(&["uploads", "tmp", "lock"]),
            [] as [&Path; 0],
            "{what}"
        );
    };
    clean("open");
    let blob = push_blob(&store, &name, b"layer").await;
    clean("blob");
    let short = Bytes::from_static(b"short");
    store
        .repo(&name)
        .put_blob(sha256(&short), short.into())
        .await
        .expect("is put");
    clean("short blob");
    let id = begin(&store, &name).await;
    let last = Bytes::from_static(b"all of it");
    store
        .finish_upload(&name, id, &alice(), last.clone().into(), sha256(&last))
        .await
        .expect("commits");
    clean("blob at once");
    store
        .repo(&repo("d"))
        .mount(blob, &name)
        .await
        .expect("mounts");
    clean("mount");
    let subject = sha256(b"subject");
    let field = format!(r#","subject":{{"mediaType":"a/b","digest":"{subject}","size":1}}"#);
    let manifest = image(b"layer", &[], &field);
    put(&store, &name, &manifest, &[]).await;
    clean("manifest");
    put(&store, &name, &manifest, &["v", "w"]).await;
    clean("tags");
    store
        .repo(&name)
        .delete_tag(&tag("v"))
        .await
        .expect("deletes");
    clean("delete of a tag");
    store
        .repo(&name)
        .delete_manifest(manifest.digest(Algorithm::Sha256))
        .await
        .expect("deletes");
    clean("delete of a manifest");
    store.repo(&name).unlink_blob(blob).await.expect("deletes");
    clean("delete of a blob");
    for number in [1, 2, 1] {
        let bytes = Bytes::from(vec![number]);
        let kept = store.keep_signature(subject, bytes).await;
        assert_eq!(kept.expect("is kept"), number);
        clean("signature");
    }
    store.remove_signatures(subject).await.expect("removes");
    clean("removal of signatures");
}

/// Notes when everything left by an earlier process was synced, and when something was given a name.
#[derive(Default)]
struct Order(Mutex<Vec<&'static str>>);

impl Hook for Order {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let noted = match op {
            Op::SyncAll { .. } => "sync all",
            Op::SyncDir { path } if path.ends_with("_tags") => "tag",
            _ => return Ok(()),
        };
        self.0.lock().expect("no panic under the lock").push(noted);
        Ok(())
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_synced_before_the_first_answer_builds_upon_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = Config::new(dir.path().join("data"));
    let manifest = image(b"1", &[], "");
    let mut noted = Vec::new();
    for _ in 0..2 {
        let order = Arc::new(Order::default());
        let hook = Some(Arc::clone(&order) as Arc<dyn Hook>);
        let store = Store::create_or_open_hooked(config.clone(), hook).await;
        let store = store.expect("opens");
        for _ in 0..2 {
            put(&store, &repo("a"), &manifest, &["v"]).await;
        }
        let order = order.0.lock().expect("no panic under the lock").clone();
        noted.push(order);
    }
    // In a new store there is nothing left by anybody.
    assert_eq!(noted, [vec!["tag", "tag"], vec!["sync all", "tag", "tag"]]);
}

/// Fails every change that `when` picks.
struct Fail<F>(i32, F);

impl<F: Fn(&Op<'_>) -> bool + Send + Sync> Hook for Fail<F> {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        if (self.1)(op) {
            Err(io::Error::from_raw_os_error(self.0))
        } else {
            Ok(())
        }
    }
}

async fn failing(
    errno: i32,
    when: impl Fn(&Op<'_>) -> bool + Send + Sync + 'static,
) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = Config::new(dir.path().join("data"));
    Store::create_or_open(config.clone())
        .await
        .expect("a sound store first");
    let hook = Some(Arc::new(Fail(errno, when)) as Arc<dyn Hook>);
    (
        dir,
        Store::create_or_open_hooked(config, hook)
            .await
            .expect("opens"),
    )
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

#[tokio::test]
async fn a_failed_sync_makes_the_store_read_only() {
    let is_tag = |path: &Path| path.ends_with("_tags");
    let (_dir, store) = failing(
        EIO,
        move |op| matches!(op, Op::SyncDir { path } if is_tag(path)),
    )
    .await;
    let manifest = image(b"1", &[], "");
    let refused = try_put(&store, &repo("a"), &manifest, &["v"]).await;
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
    assert!(store.read_only().is_some());
    let refused = try_put(&store, &repo("b"), &manifest, &[]).await;
    assert!(
        matches!(refused, Err(Error::ReadOnly { .. })),
        "{refused:?}"
    );
    // Reading goes on.
    let digest = Reference::Digest(manifest.digest(Algorithm::Sha256));
    assert!(
        store
            .repo(&repo("a"))
            .manifest(&digest)
            .await
            .expect("reads")
            .is_some()
    );
}

#[tokio::test]
async fn a_full_disk_fails_the_upload_frees_its_space_and_nothing_else() {
    let is_long = |bytes: &[u8]| bytes.len() > 50_000;
    let (dir, store) = failing(
        ENOSPC,
        move |op| matches!(op, Op::Write { bytes, .. } if is_long(bytes)),
    )
    .await;
    let name = repo("a");
    let id = begin(&store, &name).await;
    let mut upload = resume(&store, &name, id).await;
    upload
        .append(Bytes::from(vec![1; 60_000]))
        .await
        .expect("is told later");
    let refused = upload.commit(sha256(b"")).await;
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    assert!(common::files_below(&dir.path().join("data/uploads")).is_empty());
    assert!(store.read_only().is_none());
    push_blob(&store, &name, b"small").await;
}
