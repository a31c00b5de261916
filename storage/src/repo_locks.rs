//! The locks of repositories, and whether one was changed since somebody looked.
//!
//! Manifests and tags are changed under the lock of their repository only, so whoever holds it counts as
//! changing something. A [`Still`] is a moment at which nobody did. Two of a repository are equal only if
//! nobody has held its lock between them: what was read from its files after the first is what they say
//! at the second. Knows nothing of what is read. Repositories share counters, which may make two moments
//! of one differ for the sake of another, never the other way round.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lock::{Guard, Locks};
use crate::oci::RepoName;

/// How many counters there are for all repositories.
const COUNTERS: usize = 256;

/// The locks of all repositories of a store.
#[derive(Debug)]
pub(crate) struct RepoLocks {
    locks: Locks<RepoName>,
    counters: Arc<[Changes; COUNTERS]>,
    hasher: RandomState,
}

/// How many changes began, and how many of these came to their end.
#[derive(Debug, Default)]
struct Changes {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A moment at which nobody changed a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Still(u64);

/// Holds the lock of a repository, to change it, until dropped.
#[derive(Debug)]
pub(crate) struct Changing {
    counters: Arc<[Changes; COUNTERS]>,
    counter: usize,
    /// Let go of last: the next change begins after the end of this one.
    _lock: Guard<RepoName>,
}

impl Default for RepoLocks {
    fn default() -> Self {
        Self {
            locks: Locks::default(),
            counters: Arc::new(std::array::from_fn(|_| Changes::default())),
            hasher: RandomState::new(),
        }
    }
}

impl RepoLocks {
    /// Waits for the lock, to change the repository. Cancel safe: a dropped future holds nothing.
    pub(crate) async fn lock(&self, name: &RepoName) -> Changing {
        self.begin(name, self.locks.lock(name).await)
    }

    /// As [`Self::lock`], for a thread that may block.
    pub(crate) fn blocking_lock(&self, name: &RepoName) -> Changing {
        self.begin(name, self.locks.blocking_lock(name))
    }

    /// As [`Self::blocking_lock`], for who only wants that nobody else changes manifests or tags.
    pub(crate) fn blocking_lock_to_read(&self, name: &RepoName) -> Guard<RepoName> {
        self.locks.blocking_lock(name)
    }

    /// This moment, unless the repository is being changed.
    pub(crate) fn still(&self, name: &RepoName) -> Option<Still> {
        let changes = &self.counters[self.counter(name)];
        // In this order: more begin than end, and neither goes back, so if as many had ended then as have
        // begun now, there was none under way then, and none has begun since.
        let ended = changes.ended.load(Ordering::SeqCst);
        let begun = changes.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(Still(begun))
    }

    fn begin(&self, name: &RepoName, lock: Guard<RepoName>) -> Changing {
        let counter = self.counter(name);
        self.counters[counter].begun.fetch_add(1, Ordering::SeqCst);
        Changing {
            counters: Arc::clone(&self.counters),
            counter,
            _lock: lock,
        }
    }

    fn counter(&self, name: &RepoName) -> usize {
        usize::from(self.hasher.hash_one(name.as_str()).to_le_bytes()[0]) % COUNTERS
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let changes = &self.counters[self.counter];
        changes.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_before_and_after_a_change_differ_and_there_is_none_within_it() {
        let locks = RepoLocks::default();
        let name: RepoName = "a/b".parse().unwrap();
        let before = locks.still(&name).unwrap();
        assert_eq!(locks.still(&name), Some(before));
        let change = locks.blocking_lock(&name);
        assert_eq!(locks.still(&name), None);
        drop(change);
        let after = locks.still(&name).unwrap();
        assert_ne!(before, after);
        drop(locks.blocking_lock_to_read(&name));
        assert_eq!(locks.still(&name), Some(after));
    }

    #[tokio::test]
    async fn two_changes_side_by_side_are_over_when_both_are() {
        let locks = RepoLocks::default();
        // So many that two of them share a counter.
        let names: Vec<RepoName> = (0..=COUNTERS)
            .map(|number| format!("a/{number}").parse().unwrap())
            .collect();
        let mut changes = Vec::new();
        for name in &names {
            changes.push((name, locks.lock(name).await));
        }
        while let Some((name, change)) = changes.pop() {
            assert_eq!(locks.still(name), None);
            drop(change);
        }
        assert!(names.iter().all(|name| locks.still(name).is_some()));
    }

    #[tokio::test]
    async fn who_waits_for_a_change_to_end_and_gives_up_has_changed_nothing() {
        let locks = RepoLocks::default();
        let name: RepoName = "a".parse().unwrap();
        let change = locks.lock(&name).await;
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, locks.lock(&name));
        assert!(waiting.await.is_err());
        drop(change);
        assert!(locks.still(&name).is_some());
    }
}
