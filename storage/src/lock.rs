//! Locks by key: one repository, or one upload, at a time.
//!
//! A lock is taken without blocking a thread and its guard may be dropped anywhere, so that it can go
//! along with the work to the blocking pool. A key costs memory only while somebody holds or awaits it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

type Map<K> = Mutex<HashMap<K, Arc<AsyncMutex<()>>>>;

/// A set of locks, one for each key.
#[derive(Debug)]
pub(crate) struct Locks<K: Clone + Eq + Hash>(Arc<Map<K>>);

/// Holds the lock of one key until dropped.
#[derive(Debug)]
pub(crate) struct Guard<K: Clone + Eq + Hash> {
    key: K,
    held: Option<OwnedMutexGuard<()>>,
    map: Arc<Map<K>>,
}

impl<K: Clone + Eq + Hash> Default for Locks<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Locks<K> {
    /// Waits for the lock of `key`. Cancel safe: a dropped future holds nothing.
    pub(crate) async fn lock(&self, key: &K) -> Guard<K> {
        let (lock, mut guard) = self.queue(key);
        guard.held = Some(lock.lock_owned().await);
        guard
    }

    /// The lock of `key` if nobody has it.
    pub(crate) fn try_lock(&self, key: &K) -> Option<Guard<K>> {
        let (lock, mut guard) = self.queue(key);
        guard.held = Some(lock.try_lock_owned().ok()?);
        Some(guard)
    }

    /// As [`Self::lock`], for a thread that may block.
    pub(crate) fn blocking_lock(&self, key: &K) -> Guard<K> {
        let (lock, mut guard) = self.queue(key);
        guard.held = Some(lock.blocking_lock_owned());
        guard
    }

    /// A guard that does not hold yet, and the lock to wait for.
    fn queue(&self, key: &K) -> (Arc<AsyncMutex<()>>, Guard<K>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = Arc::clone(map.entry(key.clone()).or_default());
        let guard = Guard {
            key: key.clone(),
            held: None,
            map: Arc::clone(&self.0),
        };
        (lock, guard)
    }
}

impl<K: Clone + Eq + Hash> Drop for Guard<K> {
    fn drop(&mut self) {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        self.held = None;
        if map
            .get(&self.key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            map.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_key_is_held_by_one_at_a_time_and_forgotten_after_the_last() {
        let locks = Locks::default();
        let first = locks.lock(&"a").await;
        let other = locks.lock(&"b").await;
        let blocked = tokio::time::timeout(Duration::ZERO, locks.lock(&"a")).await;
        assert!(blocked.is_err());
        drop(first);
        drop(locks.lock(&"a").await);
        drop(other);
        assert!(locks.0.lock().expect("no panic under the lock").is_empty());
    }
}
