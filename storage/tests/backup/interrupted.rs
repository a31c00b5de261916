//! Backups that end too early, at every step there is: by a full disk, by a power cut.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use roadstead_storage::{Config, Error, Hook, Op, Store};

use crate::common::{files_below, image, push_blob, put, repo, try_put};
use crate::content::{Content, content, content_of};
use crate::disk_model::{Change, Disk, Loss, Recorder};
use crate::{back_up, digest_of, populate, remove};

/// Fails the change of this number below a directory, as a full disk does, and all after it.
struct FullAt {
    dir: PathBuf,
    left: AtomicUsize,
}

impl Hook for FullAt {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let (Op::Create { path } | Op::Write { path, .. } | Op::MakeDir { path }) = op else {
            return Ok(());
        };
        if !path.starts_with(&self.dir) {
            return Ok(());
        }
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_target_that_is_full_at_any_moment_leaves_no_wrong_store_and_nothing_half_written() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let copy = dir.path().join("copy");
    let hook = Arc::new(FullAt {
        dir: copy.clone(),
        left: AtomicUsize::new(0),
    });
    let config = Config::new(dir.path().join("data"));
    let store = Store::create_or_open_hooked(config, Some(hook.clone()))
        .await
        .expect("opens");
    populate(&store, &dir.path().join("data")).await;
    let mut full = 0;
    for room in 0.. {
        hook.left.store(room, Ordering::Relaxed);
        match back_up(&store, &copy).await {
            Ok(_) => break,
            Err(Error::Full { .. }) => full += 1,
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(store.read_only(), None);
        let opened = Store::open(Config::new(&copy)).await;
        assert!(
            matches!(
                opened,
                Err(Error::UnfinishedBackup { .. } | Error::NotAStore { .. })
            ),
            "{opened:?}"
        );
        if copy.join("tmp").exists() {
            assert_eq!(files_below(&copy.join("tmp")), [] as [&str; 0]);
        }
    }
    assert!(full > 10, "{full}");
    assert_eq!(content(&copy).await, content_of(store, &dir).await);
}

/// Fails every sync below a directory, once it is told to, as a broken disk does.
struct Broken {
    dir: PathBuf,
    is_broken: AtomicBool,
}

impl Hook for Broken {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        match op {
            Op::SyncFile { path }
                if path.starts_with(&self.dir) && self.is_broken.load(Ordering::Relaxed) =>
            {
                Err(rustix::io::Errno::IO.into())
            }
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn what_is_on_a_disk_that_takes_nothing_more_can_still_be_copied_from_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let hook = Arc::new(Broken {
        dir: data.clone(),
        is_broken: AtomicBool::new(false),
    });
    let store = Store::create_or_open_hooked(Config::new(&data), Some(hook.clone()))
        .await
        .expect("opens");
    let manifest = populate(&store, &data).await;
    hook.is_broken.store(true, Ordering::Relaxed);
    let refused = try_put(&store, &repo("a"), &manifest, &["broken"]).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(store.read_only().is_some());

    let done = back_up(&store, &copy).await.expect("backs up");
    assert!(done.is_complete());
    let copied = content(&copy).await;
    assert_eq!(copied, content_of(store, &dir).await);
}

fn concerns(change: &Change, dir: &Path) -> bool {
    match change {
        Change::Create(path)
        | Change::MakeDir(path)
        | Change::Remove(path)
        | Change::RemoveDir(path)
        | Change::Rename(_, path)
        | Change::SyncAll(path)
        | Change::SyncDir(path)
        | Change::SyncFile(path)
        | Change::Truncate(path, _)
        | Change::Write(path, _, _) => path.starts_with(dir),
        Change::Nothing => false,
    }
}

/// What a copy holds, without leaving a trace in it.
async fn content_untouched(copy: &Path) -> Content {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    for file in files_below(copy) {
        let to = scratch.path().join(&file);
        std::fs::create_dir_all(to.parent().expect("has a parent")).expect("makes a directory");
        std::fs::copy(copy.join(file), to).expect("copies");
    }
    content(scratch.path()).await
}

/// Whatever a power cut left, the next backup makes a whole copy of it.
async fn goes_on(store: &Store, crashed: &Path, later: &Content) {
    back_up(store, crashed).await.expect("goes on");
    assert_eq!(content(crashed).await, *later);
}

#[test]
fn a_power_cut_at_any_step_leaves_the_last_copy_or_the_next_and_nothing_that_dangles() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let copy = dir.path().join("copy");
    let recorder = Arc::new(Recorder::default());
    let (store, first, earlier, later) = runtime.block_on(async {
        let config = Config::new(dir.path().join("data"));
        let store = Store::create_or_open_hooked(config, Some(recorder.clone()))
            .await
            .expect("opens");
        let manifest = populate(&store, &dir.path().join("data")).await;
        back_up(&store, &copy).await.expect("backs up");
        let first = recorder.len();
        let earlier = content_untouched(&copy).await;
        let a = repo("a");
        push_blob(&store, &a, b"other").await;
        // More than are synced one by one.
        let tags: Vec<_> = (0..20).map(|number| format!("v2.{number}")).collect();
        let mut tags: Vec<_> = tags.iter().map(String::as_str).collect();
        tags.push("latest");
        put(&store, &a, &image(b"other", &[], ""), &tags).await;
        let deleted = store.repo(&a).delete_manifest(digest_of(&manifest)).await;
        deleted.expect("deletes");
        remove(&store, &repo("a/b")).await;
        back_up(&store, &copy).await.expect("backs up");
        let later = content_untouched(&copy).await;
        (store, first, earlier, later)
    });
    let changes = recorder.changes();
    let mut disk = Disk::new(copy.clone());
    let mut states = 0;
    for (step, change) in changes.iter().enumerate() {
        if !concerns(change, &copy) {
            continue;
        }
        disk.apply(change);
        let mut losses = vec![Loss::Everything, Loss::Data, Loss::Metadata, Loss::Nothing];
        losses.push(Loss::Some(step as u64));
        for loss in losses {
            let scratch = tempfile::tempdir_in("/dev/shm").expect("memory to write to");
            let crashed = scratch.path().join("copy");
            std::fs::create_dir(&crashed).expect("a new directory");
            disk.crash(loss, &crashed, &|_, _| {});
            states += 1;
            let opened = runtime.block_on(Store::open(Config::new(&crashed)));
            match opened {
                Ok(store) => drop(store),
                Err(Error::NotAStore { .. } | Error::UnfinishedBackup { .. }) if step < first => {
                    runtime.block_on(goes_on(&store, &crashed, &later));
                    continue;
                }
                Err(other) => panic!("after step {step} and {loss:?}: {other:?}"),
            }
            let held = runtime.block_on(content(&crashed));
            for (name, digest) in &held {
                let known = [earlier.get(name), later.get(name)];
                assert!(
                    known.contains(&Some(digest)),
                    "{name} after {step}, {loss:?}"
                );
            }
            for (name, digest) in &earlier {
                let stays = later.get(name) == Some(digest);
                assert!(
                    !stays || held.get(name) == Some(digest),
                    "{name} after {step}, {loss:?}"
                );
            }
            if matches!(loss, Loss::Some(_)) {
                runtime.block_on(goes_on(&store, &crashed, &later));
            }
        }
    }
    assert!(states > 500, "{states}");
}
