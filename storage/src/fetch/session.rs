//! A fetch on disk: bytes go through the hasher into the file, and in the end it becomes a blob.
//!
//! Everything here blocks. No record of it is kept: how far it has come is how long its file is, and
//! whether these are the right bytes the digest tells in the end. After a power cut it may turn out that
//! they are not, and then the fetch begins anew.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use tracing::{info, warn};

use super::place::Place;
use super::progress::Ended;
use crate::blob::Blobs;
use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::link::Links;
use crate::oci::{Digest, Hasher, RepoName};
use crate::rehash::rehash;
use crate::space::Reserved;
use crate::walk;

/// What fetches stand on: the disk and the parts of the store that their bytes go to.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) disk: Arc<Disk>,
    pub(crate) layout: Layout,
    pub(crate) blobs: Blobs,
    pub(crate) links: Links,
}

impl Ground {
    /// Removes all of a fetch; what cannot be removed is left to collection.
    pub(super) fn remove(&self, digest: &Digest) {
        let data = self.layout.fetch_data(digest);
        let discard = || self.disk.discard(&data);
        self.blobs.space().follow(&[&data], discard);
        self.remove_dir(digest);
    }

    fn remove_dir(&self, digest: &Digest) {
        let dir = self.layout.fetch(digest);
        if let Err(error) = self.disk.remove_dir(&dir) {
            warn!(path = %dir.display(), %error, "Could not remove an ended fetch");
        }
    }
}

/// The one who writes to a fetch.
#[derive(Debug)]
pub(super) struct Session {
    ground: Arc<Ground>,
    path: PathBuf,
    file: File,
    hash: Hasher,
    /// Room for what is still to come.
    room: Reserved,
    pub(super) offset: u64,
    /// Last, so that readers hear of the end after the file is at rest.
    pub(super) place: Place,
}

impl Session {
    /// Opens what there is of the blob, or begins anew.
    pub(super) fn open(ground: Arc<Ground>, place: Place) -> Result<Self, Error> {
        let digest = place.digest;
        let (disk, layout) = (&ground.disk, &ground.layout);
        let path = layout.fetch_data(&digest);
        let there = walk::metadata(&path)?.map(|metadata| metadata.len());
        let file = if there.is_some() {
            disk.open_for_writing(&path)?
        } else {
            disk.make_dirs(&layout.fetch(&digest))?;
            disk.create(&path)?
        };
        let readable = File::open(&path).map_err(|source| Error::io("open", &path, source))?;
        place.progress.set_file(readable, path.clone());
        let length = there.unwrap_or_default();
        let mut offset = 0;
        let hash = rehash(
            &place.progress.file().expect("it was just set").0,
            &path,
            digest.algorithm(),
            length,
            |bytes| {
                offset += bytes;
                place.progress.came(offset);
                Ok(())
            },
        )?;
        if offset > 0 {
            info!(%digest, offset, "Going on with a fetch");
        }
        Ok(Self {
            room: Reserved::none(ground.blobs.space()),
            ground,
            path,
            file,
            hash,
            offset,
            place,
        })
    }

    /// Keeps room for the rest of a blob that will have `size` bytes.
    pub(super) fn reserve(&mut self, size: u64) -> Result<(), Error> {
        self.room.grow_to(size.saturating_sub(self.offset))
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Self {
            ground,
            path,
            file,
            room,
            offset,
            ..
        } = self;
        let write = || ground.disk.write_at(file, path, *offset, bytes);
        room.fill(path, bytes.len() as u64, write)?;
        self.hash.update(bytes);
        self.offset += bytes.len() as u64;
        self.place.progress.came(self.offset);
        Ok(())
    }

    /// Makes the bytes a blob that the repository holds.
    pub(super) fn commit(self, repository: &RepoName) -> Result<u64, Error> {
        let digest = self.place.digest;
        let actual = self.hash.clone().finish();
        if actual != digest {
            self.discard(Ended::Mismatch);
            return Err(Error::digest_mismatch(digest, actual));
        }
        let Ground {
            disk, blobs, links, ..
        } = &*self.ground;
        disk.sync_file(&self.file, &self.path)?;
        let lease = blobs.leases().hold(digest);
        blobs.adopt(digest, &self.path)?;
        links.link(repository, digest)?;
        drop(lease);
        self.ground.remove_dir(&digest);
        self.place.progress.complete(self.offset);
        Ok(self.offset)
    }

    /// Gives the fetch and what has come of it up.
    pub(super) fn discard(self, why: Ended) {
        self.ground.remove(&self.place.digest);
        self.place.give_back(why);
    }
}
