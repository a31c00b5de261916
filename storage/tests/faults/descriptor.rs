//! Descriptors of this process: which files of a store it has open, and whether it may open more.
//!
//! The limit is the whole process's, so whoever takes it away must be alone: see [`alone`].

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

static PROCESS: RwLock<()> = RwLock::new(());

/// To be held by a test that opens files.
pub(crate) fn beside_others() -> RwLockReadGuard<'static, ()> {
    PROCESS.read().unwrap_or_else(PoisonError::into_inner)
}

/// To be held by a test that forbids to open files.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    PROCESS.write().unwrap_or_else(PoisonError::into_inner)
}

/// From here on every open fails with `EMFILE`. What is open stays open.
pub(crate) fn forbid() {
    limit(|_| Some(0));
}

/// Files may be opened again.
pub(crate) fn allow() {
    limit(|maximum| maximum);
}

fn limit(current: impl Fn(Option<u64>) -> Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: current(maximum),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("a process may lower its limit, and raise it again");
}

/// Whether they may not.
pub(crate) fn are_forbidden() -> bool {
    getrlimit(Resource::Nofile).current == Some(0)
}

/// What is open below `root`, but for the lock of the store and the files of its index, which stay open.
pub(crate) fn open_below(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("Linux tells");
    entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| {
            let is_lasting = |name: &str| path.starts_with(root.join(name));
            path.starts_with(root) && !is_lasting("index") && !is_lasting("lock")
        })
        .collect()
}
