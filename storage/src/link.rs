//! Links: which repository may serve which blob.
//!
//! A blob that lies in the store is visible only where a link says so; without this rule, whoever knows
//! a digest could read what was pushed to somebody else's repository.

use std::sync::Arc;

use crate::blob::Blobs;
use crate::cached;
use crate::disk::Disk;
use crate::error::Error;
use crate::index::Index;
use crate::layout::Layout;
use crate::oci::{Digest, RepoName};

/// All links of a store.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    disk: Arc<Disk>,
    layout: Layout,
    index: Arc<Index>,
    blobs: Blobs,
}

impl Links {
    pub(crate) fn new(disk: Arc<Disk>, layout: Layout, index: Arc<Index>, blobs: Blobs) -> Self {
        Self {
            disk,
            layout,
            index,
            blobs,
        }
    }

    /// Whether the repository may serve the blob.
    pub(crate) fn has(&self, repository: &RepoName, blob: Digest) -> Result<bool, Error> {
        let path = self.layout.repo(repository).blob(&blob);
        path.try_exists()
            .map_err(|source| Error::io("look at", &path, source))
    }

    /// As [`Self::has`], for a thread that may not block. False says nothing: ask again where it may.
    pub(crate) fn has_cached(&self, repository: &RepoName, blob: Digest) -> bool {
        cached::is_there(&self.layout.repo(repository).blob(&blob))
    }

    /// From now on the repository may serve the blob, which must be in the store, with its lease held. On
    /// disk when this returns, and promised, however long ago its bytes came.
    pub(crate) fn link(&self, repository: &RepoName, blob: Digest) -> Result<(), Error> {
        self.disk.mark(&self.layout.repo(repository).blob(&blob))?;
        self.index.add_holder(blob, repository);
        // After the link: what was promised before a collection began may be old for it, and the link too
        // young to be known to it.
        self.blobs.promise(blob)?;
        Ok(())
    }

    /// The repository serves the blob no more. Whether it did.
    pub(crate) fn unlink(&self, repository: &RepoName, blob: Digest) -> Result<bool, Error> {
        let path = self.layout.repo(repository).blob(&blob);
        let was_there = self.disk.remove(&path)?;
        if was_there {
            self.disk
                .sync_dir(path.parent().expect("a link lies in a directory"))?;
        }
        self.index.remove_holder(blob, repository);
        Ok(was_there)
    }
}
