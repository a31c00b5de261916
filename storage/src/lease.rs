//! Keeps collection away from what somebody has just been told is here, or is about to need.
//!
//! Who promises a blob (an upload that ends, a mount, the answer to HEAD) or stores a manifest that
//! needs it holds the blob's lock shared; collection holds it alone while it takes the blob away. The
//! promise itself is the time of the file, renewed under the lock: so it outlives a restart.
//!
//! Manifests stored while a mark is under way are added to it, since it may have passed their
//! repository already.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::oci::Digest;

const SHARDS: usize = 256;

/// The locks of all blobs, a few blobs to a lock, and what a running mark must not miss.
#[derive(Debug)]
pub(crate) struct Leases {
    blobs: [RwLock<()>; SHARDS],
    /// Held shared while a manifest is stored, and alone for the moment in which a mark begins.
    manifests: RwLock<()>,
    /// What was needed since the mark began; `None` while there is no mark.
    needed: Mutex<Option<HashSet<Digest>>>,
}

impl Default for Leases {
    fn default() -> Self {
        Self {
            blobs: [const { RwLock::new(()) }; SHARDS],
            manifests: RwLock::default(),
            needed: Mutex::default(),
        }
    }
}

impl Leases {
    /// Nobody takes the blob away while this is held.
    pub(crate) fn hold(&self, blob: Digest) -> RwLockReadGuard<'_, ()> {
        self.shard(blob)
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody promises the blob while this is held.
    pub(crate) fn take(&self, blob: Digest) -> RwLockWriteGuard<'_, ()> {
        self.shard(blob)
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for everybody who holds a blob now to be done with it.
    pub(crate) fn wait_for_holders(&self) {
        for shard in &self.blobs {
            drop(shard.write().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// To be held from before the first [`need`](Self::need) until the manifest's record is on disk.
    pub(crate) fn store_manifest(&self) -> RwLockReadGuard<'_, ()> {
        self.manifests
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A manifest being stored needs the content, whose lock the caller [holds](Self::hold).
    pub(crate) fn need(&self, content: Digest) {
        if let Some(needed) = &mut *self.needed.lock().unwrap_or_else(PoisonError::into_inner) {
            needed.insert(content);
        }
    }

    /// Begins a mark: waits for manifests being stored to be on disk, and notes those that follow until
    /// the mark is dropped.
    pub(crate) fn begin_mark(&self) -> Mark<'_> {
        let _alone = self
            .manifests
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *self.needed.lock().unwrap_or_else(PoisonError::into_inner) = Some(HashSet::new());
        Mark(self)
    }

    /// Whether the content was needed since the mark began. To be asked with its lock
    /// [taken](Self::take).
    pub(crate) fn is_needed(&self, content: Digest) -> bool {
        let needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed
            .as_ref()
            .is_some_and(|needed| needed.contains(&content))
    }

    fn shard(&self, blob: Digest) -> &RwLock<()> {
        &self.blobs[usize::from(blob.as_bytes()[0])]
    }
}

/// A mark under way, and the sweep that follows it.
#[derive(Debug)]
pub(crate) struct Mark<'a>(&'a Leases);

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        *self.0.needed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
