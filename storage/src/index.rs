//! The index: which repositories there are, and which of them hold a blob. The only file that names
//! sled.
//!
//! Derived from the files and never the truth: a hint that is looked up on disk before anything is
//! done upon it. Whatever goes wrong with it (damage, a panic inside, an unclean stop, after which sled
//! may have lost writes without a word) makes it stale, and it is thrown away and built anew.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::oci::{Digest, RepoName};
use crate::seal;

/// Changes with the meaning of keys and values; another one on disk is thrown away.
const SCHEMA: &str = "1";
/// An index that does not open within this time is taken for damaged.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The index of one store.
#[derive(Debug)]
pub(crate) struct Index {
    dir: PathBuf,
    trees: Mutex<Option<Trees>>,
    ready: AtomicBool,
    stale: Notify,
}

#[derive(Debug, Clone)]
struct Trees {
    db: sled::Db,
    /// Name of a repository -> nothing.
    repositories: sled::Tree,
    /// Digest of a blob, name of a repository -> nothing.
    holders: sled::Tree,
}

impl Index {
    /// Opens the index in `dir`. One that was not closed in order, or does not open, is discarded, and
    /// the new one is not [ready](Self::is_ready).
    pub(crate) fn open(dir: PathBuf) -> Self {
        let index = Self {
            dir,
            trees: Mutex::default(),
            ready: AtomicBool::new(false),
            stale: Notify::new(),
        };
        if index.was_closed_in_order() {
            match open_trees(&index.database()) {
                Ok(trees) => {
                    *index.lock() = Some(trees);
                    index.ready.store(true, Ordering::Release);
                }
                Err(reason) => warn!(reason, "The index does not open and will be rebuilt"),
            }
        }
        // From here on a kill leaves no clean mark, and the next start rebuilds.
        let _ = fs::remove_file(index.clean_mark());
        index
    }

    /// Whether what it lists is all there is.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Waits until it has to be rebuilt.
    pub(crate) async fn until_stale(&self) {
        while self.is_ready() {
            self.stale.notified().await;
        }
    }

    /// Throws away what there is and begins anew, empty. Additions are taken from here on;
    /// [`Self::finish`] ends the rebuild.
    pub(crate) fn begin(&self) -> Result<(), String> {
        self.ready.store(false, Ordering::Release);
        let mut trees = self.lock();
        *trees = None;
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.to_string()),
            _ => {}
        }
        *trees = Some(open_trees(&self.database())?);
        Ok(())
    }

    /// Everything has been added.
    pub(crate) fn finish(&self) {
        self.ready.store(self.lock().is_some(), Ordering::Release);
    }

    /// There is a repository of this name.
    pub(crate) fn add_repository(&self, name: &RepoName) {
        self.with(|trees| trees.repositories.insert(name.as_str(), &[]).map(drop));
    }

    /// There is none any more.
    pub(crate) fn remove_repository(&self, name: &RepoName) {
        self.with(|trees| trees.repositories.remove(name.as_str()).map(drop));
    }

    /// The repository holds the blob.
    pub(crate) fn add_holder(&self, blob: Digest, name: &RepoName) {
        self.with(|trees| {
            trees.repositories.insert(name.as_str(), &[])?;
            trees
                .holders
                .insert(holder_key(blob, name.as_str()), &[])
                .map(drop)
        });
    }

    /// It holds it no more.
    pub(crate) fn remove_holder(&self, blob: Digest, name: &RepoName) {
        self.with(|trees| {
            trees
                .holders
                .remove(holder_key(blob, name.as_str()))
                .map(drop)
        });
    }

    /// Whether it lists the repository; `None` while it is not ready.
    pub(crate) fn lists(&self, name: &RepoName) -> Option<bool> {
        let listed = self.with(|trees| trees.repositories.contains_key(name.as_str()));
        self.is_ready().then_some(listed?)
    }

    /// It was found to be wrong, and has to be rebuilt.
    pub(crate) fn distrust(&self) {
        self.ready.store(false, Ordering::Release);
        self.stale.notify_one();
    }

    /// Up to `limit` names after `after`, in byte order; `None` while it is not ready.
    pub(crate) fn repositories(&self, after: Option<&str>, limit: usize) -> Option<Vec<RepoName>> {
        let listed = self.with(|trees| {
            let after = after.unwrap_or_default();
            let from = trees.repositories.range(after.as_bytes()..).keys();
            let names = from.filter(|key| key.as_ref().map_or(true, |key| key != after.as_bytes()));
            names
                .take(limit)
                .map(|key| key.map(|key| parse_name(&key)))
                .collect::<Result<Vec<_>, _>>()
        });
        self.is_ready()
            .then_some(listed?)
            .map(|names| names.into_iter().flatten().collect())
    }

    /// Up to `limit` repositories said to hold `blob`. A hint: empty while it is not ready.
    pub(crate) fn holders(&self, blob: Digest, limit: usize) -> Vec<RepoName> {
        let prefix = holder_key(blob, "");
        let listed = self.with(|trees| {
            let keys = trees.holders.scan_prefix(&prefix).keys().take(limit);
            keys.map(|key| key.map(|key| parse_name(&key[prefix.len()..])))
                .collect::<Result<Vec<_>, _>>()
        });
        listed.unwrap_or_default().into_iter().flatten().collect()
    }

    /// Brings everything to disk and says so with a mark; without it the next start rebuilds.
    pub(crate) fn close(&self) {
        let was_ready = self.is_ready();
        self.ready.store(false, Ordering::Release);
        let Some(trees) = self.lock().take() else {
            return;
        };
        let flushed = catch_unwind(AssertUnwindSafe(|| trees.db.flush().map(drop)));
        drop(trees);
        // sled's flush leaves the file's metadata and the device's cache alone.
        let synced = fs::File::open(self.database().join("db")).and_then(|file| file.sync_all());
        if was_ready && matches!(flushed, Ok(Ok(()))) && synced.is_ok() {
            // A mark that cannot be written costs a rebuild, no more.
            let _ = self
                .mark()
                .and_then(|mark| write_mark(&self.clean_mark(), &mark));
        }
    }

    fn database(&self) -> PathBuf {
        self.dir.join("sled")
    }

    /// The file that says of an index in `dir` that it was closed in order; without it the index is
    /// built anew.
    pub(crate) fn clean_mark_in(dir: &Path) -> PathBuf {
        dir.join("clean")
    }

    fn clean_mark(&self) -> PathBuf {
        Self::clean_mark_in(&self.dir)
    }

    fn was_closed_in_order(&self) -> bool {
        let found = fs::read_to_string(self.clean_mark());
        found.is_ok_and(|found| self.mark().is_ok_and(|mark| mark == found))
    }

    /// What the clean mark says: how keys and values are to be understood, and what the files of sled
    /// hold. It would not notice itself if they held something else.
    fn mark(&self) -> io::Result<String> {
        let files = seal::hash_folder(&self.database())?;
        Ok(format!("{SCHEMA} {files}"))
    }

    /// Works on the trees; any failure makes the index stale.
    fn with<T>(&self, work: impl FnOnce(&Trees) -> sled::Result<T>) -> Option<T> {
        let trees = self.lock().clone()?;
        let reason = match catch_unwind(AssertUnwindSafe(|| work(&trees))) {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "sled panicked".to_owned(),
        };
        warn!(reason, "The index failed and will be rebuilt");
        self.distrust();
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Trees>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens sled on a thread of its own: a damaged file can make it panic, or never return.
fn open_trees(dir: &Path) -> Result<Trees, String> {
    let dir = dir.to_owned();
    let (send, receive) = mpsc::channel();
    let open = move || {
        let opened = catch_unwind(AssertUnwindSafe(|| try_open(&dir)));
        // Nobody listens any more after the deadline; then there is nobody to tell.
        let _ = send.send(opened);
    };
    thread::Builder::new()
        .name("open-index".to_owned())
        .spawn(open)
        .map_err(|error| error.to_string())?;
    match receive.recv_timeout(OPEN_DEADLINE) {
        Ok(Ok(opened)) => opened.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("sled panicked".to_owned()),
        Err(_) => Err("sled did not open it in time".to_owned()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the file that opens the index"
)]
fn try_open(dir: &Path) -> sled::Result<Trees> {
    let db = sled::Config::default()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(500))
        .open()?;
    let trees = Trees {
        repositories: db.open_tree("repositories")?,
        holders: db.open_tree("holders")?,
        db,
    };
    info!(recovered = trees.db.was_recovered(), "Opened the index");
    Ok(trees)
}

fn holder_key(blob: Digest, name: &str) -> Vec<u8> {
    [
        blob.algorithm().as_str().as_bytes(),
        blob.as_bytes(),
        name.as_bytes(),
    ]
    .concat()
}

fn parse_name(key: &[u8]) -> Option<RepoName> {
    std::str::from_utf8(key).ok()?.parse().ok()
}

fn write_mark(path: &Path, mark: &str) -> io::Result<()> {
    let file = fs::File::create(path)?;
    (&file).write_all(mark.as_bytes())?;
    file.sync_all()
}
