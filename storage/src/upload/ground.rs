//! What sessions stand on: the disk and the parts of the store that their bytes go to.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::warn;

use super::state::Files;
use crate::blob::Blobs;
use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::link::Links;

/// Shared by all sessions of a store; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) disk: Arc<Disk>,
    pub(super) layout: Layout,
    pub(super) blobs: Blobs,
    pub(super) links: Links,
    /// The kernel's name for this boot of the machine.
    pub(super) boot: Arc<str>,
    /// How many sessions there are.
    pub(super) open: Arc<AtomicUsize>,
}

impl Ground {
    /// Keeps the first `length` bytes of a session.
    pub(super) fn cut(&self, file: &File, files: &Files, length: u64) -> Result<(), Error> {
        let cut = || self.disk.truncate(file, &files.data, length);
        self.blobs.space().follow(&[&files.data], cut)
    }

    /// Removes all of a session; what cannot be removed is left to collection.
    pub(super) fn remove(&self, files: &Files) {
        let discard_data = || self.disk.discard(&files.data);
        self.blobs.space().follow(&[&files.data], discard_data);
        for path in [&files.state, &files.checkpoint, &files.next] {
            self.disk.discard(path);
        }
        if let Err(error) = self.disk.remove_dir(&files.dir) {
            warn!(path = %files.dir.display(), %error, "Could not remove an ended upload");
        }
        // What is left is a session still, and is removed once more.
        if !files.dir.exists() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
