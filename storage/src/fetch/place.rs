//! The places of fetches under way: for each blob one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::progress::{Ended, Progress};
use crate::oci::Digest;

/// The fetches under way, each until its last step on disk is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<Digest, Arc<Progress>>>>);

impl Places {
    /// Takes the place of a blob, or says how far whoever has it is.
    pub(super) fn take(&self, digest: Digest) -> Result<Place, Arc<Progress>> {
        let mut active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = active.get(&digest) {
            return Err(Arc::clone(progress));
        }
        let progress = Arc::new(Progress::default());
        active.insert(digest, Arc::clone(&progress));
        Ok(Place {
            digest,
            progress,
            places: self.clone(),
        })
    }

    /// The blobs that are being fetched.
    pub(super) fn taken(&self) -> Vec<Digest> {
        let active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        active.keys().copied().collect()
    }

    /// Does something about a blob while nobody fetches it, nor begins to; `None` when somebody does.
    pub(super) fn unless_taken<T>(&self, digest: &Digest, work: impl FnOnce() -> T) -> Option<T> {
        let active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!active.contains_key(digest)).then(work)
    }
}

/// The one place to fetch a blob in. Dropping it tells the readers, unless they know already.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) digest: Digest,
    pub(super) progress: Arc<Progress>,
    places: Places,
}

impl Place {
    /// Gives the place back, and only then tells the readers why: one that comes again begins anew.
    pub(super) fn give_back(&self, why: Ended) {
        let mut active = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have been given back before, and be somebody else's by now.
        let held = active.get(&self.digest);
        if held.is_some_and(|held| Arc::ptr_eq(held, &self.progress)) {
            active.remove(&self.digest);
        }
        drop(active);
        self.progress.end(why);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back(Ended::Interrupted);
    }
}
