//! One session in use: bytes go through the hasher into the file, and in the end it becomes a blob.
//!
//! Everything here blocks.

use std::fs::File;

use tracing::warn;
use uuid::Uuid;

use super::batch::Batch;
use super::ground::Ground;
use super::state::{Files, State};
use crate::error::Error;
use crate::lock::Guard;
use crate::oci::{Algorithm, Digest, Hasher};
use crate::rehash::rehash;

/// A session is synced whenever this many more bytes have come, so that a power cut costs no more.
const CHECKPOINT: u64 = 64 * 1024 * 1024;
/// The disk is given so much at a time while more comes, so that a sync, and with it the client at the end
/// of its push, waits for little.
const WRITE_BACK: u64 = 8 * 1024 * 1024;

/// The session itself; its methods block.
#[derive(Debug)]
pub(super) struct Session {
    ground: Ground,
    files: Files,
    file: File,
    state: State,
    hash: Hasher,
    pub(super) offset: u64,
    /// How far its bytes were given to the disk.
    given: u64,
    /// Whether the state on disk says how far it has come.
    saved: bool,
    _guard: Guard<Uuid>,
}

impl Session {
    /// As it was loaded. The guard is held as long as the session is.
    pub(super) fn new(
        ground: Ground,
        files: Files,
        file: File,
        state: State,
        hash: Hasher,
        guard: Guard<Uuid>,
    ) -> Self {
        let offset = state.offset;
        Self {
            ground,
            files,
            file,
            state,
            hash,
            offset,
            given: offset,
            saved: true,
            _guard: guard,
        }
    }

    /// Writes and hashes each piece while the processor's caches have it. One that fails leaves those
    /// before it.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        self.saved = false;
        let Self {
            ground,
            files,
            file,
            offset,
            hash,
            ..
        } = self;
        let write = || {
            batch.pieces().iter().try_for_each(|piece| {
                ground.disk.write_at(file, &files.data, *offset, piece)?;
                hash.update(piece);
                *offset += piece.len() as u64;
                Ok(())
            })
        };
        let space = ground.blobs.space();
        space.fill(&files.data, batch.len() as u64, write)?;
        if self.offset - self.state.synced >= CHECKPOINT {
            self.checkpoint()?;
        } else if self.offset - self.given >= WRITE_BACK {
            let disk = &self.ground.disk;
            disk.begin_write_back(&self.file, self.given, self.offset - self.given);
            self.given = self.offset;
        }
        Ok(())
    }

    /// Brings what has come to disk, so that a power cut leaves it.
    fn checkpoint(&mut self) -> Result<(), Error> {
        self.ground.disk.sync_file(&self.file, &self.files.data)?;
        self.given = self.offset;
        self.state.synced = self.offset;
        self.describe();
        self.files.save_checkpoint(&self.ground.disk, &self.state)?;
        self.save()
    }

    pub(super) fn save(&mut self) -> Result<(), Error> {
        self.describe();
        self.files.save_state(&self.ground.disk, &self.state)?;
        self.saved = true;
        Ok(())
    }

    fn describe(&mut self) {
        self.state.offset = self.offset;
        self.state.hash = self.hash.save();
        self.state.boot = self.ground.boot.as_ref().to_owned();
    }

    pub(super) fn truncate(&mut self, length: u64) -> Result<(), Error> {
        if length >= self.offset {
            return Ok(());
        }
        self.hash = self.rehash(self.hash.algorithm(), length)?;
        self.ground.cut(&self.file, &self.files, length)?;
        self.offset = length;
        self.given = self.given.min(length);
        if self.state.synced > length {
            self.checkpoint()
        } else {
            self.save()
        }
    }

    pub(super) fn commit(self, expected: Digest) -> Result<u64, Error> {
        self.finish(&Batch::default(), expected)
    }

    /// Appends the last bytes, and commits. Where the session is kept after a failure, it is as it was
    /// before: who comes again brings the same bytes again.
    pub(super) fn finish(mut self, last: &Batch, expected: Digest) -> Result<u64, Error> {
        let before = self.offset;
        let ended = self.append(last).and_then(|()| self.end(expected));
        if matches!(ended, Err(Error::Io { .. } | Error::ReadOnly { .. })) {
            self.take_back(before);
        } else {
            self.remove();
        }
        ended
    }

    fn end(&mut self, expected: Digest) -> Result<u64, Error> {
        let actual = if expected.algorithm() == self.hash.algorithm() {
            self.hash.clone().finish()
        } else {
            self.rehash(expected.algorithm(), self.offset)?.finish()
        };
        if actual == expected {
            self.keep(expected)
        } else {
            Err(Error::digest_mismatch(expected, actual))
        }
    }

    /// Cuts what came after `before`. Not once the file has the name of a blob, which other requests may
    /// have seen: then there is no session any more.
    fn take_back(&mut self, before: u64) {
        if self.offset > before
            && self.files.data.exists()
            && let Err(error) = self.truncate(before)
        {
            warn!(%error, "The last bytes of an upload are not taken back");
        }
    }

    /// Makes the bytes a blob that the repository holds.
    fn keep(&mut self, digest: Digest) -> Result<u64, Error> {
        let Ground {
            disk, blobs, links, ..
        } = &self.ground;
        blobs.space().check()?;
        disk.sync_file(&self.file, &self.files.data)?;
        let _lease = blobs.leases().hold(digest);
        blobs.adopt(digest, &self.files.data)?;
        // The bytes have another name now: whatever becomes of the rest, there is nothing to resume.
        self.saved = true;
        links.link(&self.state.repository, digest)?;
        Ok(self.offset)
    }

    /// Hashes the first `length` bytes of the file again.
    fn rehash(&self, algorithm: Algorithm, length: u64) -> Result<Hasher, Error> {
        rehash(&self.file, &self.files.data, algorithm, length, |_| Ok(()))
    }

    pub(super) fn remove(mut self) {
        self.saved = true;
        self.ground.remove(&self.files);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.saved
            && let Err(error) = self.save()
        {
            warn!(%error, "The last bytes of an upload are not kept");
        }
    }
}
