//! Copies blobs, and hashes them on the way: damage is not passed on.

use std::collections::HashSet;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{Backup, repositories};
use crate::error::Error;
use crate::oci::{Digest, Hasher};
use crate::progress::{Phase, Progress, check_stop};
use crate::rehash::{forget_cached, is_loss, rehash};
use crate::repo::Files;
use crate::walk;

/// What is copied at once, in bytes.
const STEP: u64 = 1024 * 1024;

/// A blob of so many bytes is synced by itself, and does not stay in the kernel's memory.
const LARGE: u64 = 64 * 1024;

/// How much has been copied, in bytes.
#[derive(Debug, Default)]
struct Meter {
    done: u64,
    total: u64,
}

impl Backup<'_> {
    /// Copies what repositories need at present; what is added meanwhile follows with its repository.
    pub(super) fn copy_blobs(&mut self) -> Result<(), Error> {
        let mut needed = HashSet::new();
        for name in repositories(&self.shared.layout)? {
            let files = Files::new(Arc::clone(self.shared), name);
            needed.extend(files.linked_blobs()?);
            needed.extend(files.manifest_digests()?);
        }
        let mut missing = Vec::new();
        let mut meter = Meter::default();
        for digest in needed {
            if !self.is_held(digest)? {
                meter.total += self.shared.blobs.size(digest)?.unwrap_or_default();
                missing.push(digest);
            }
        }
        // One directory after the other.
        missing.sort_unstable();
        for digest in missing {
            self.copy(digest, Some(&mut meter))?;
        }
        self.target.sync()
    }

    /// Sees to it that the copy has the blob. Whether it has.
    pub(super) fn hold(&mut self, digest: Digest) -> Result<bool, Error> {
        if self.lost.contains(&digest) {
            return Ok(false);
        }
        if !self.held.contains(&digest) && !self.is_held(digest)? {
            self.copy(digest, None)?;
        }
        Ok(self.held.contains(&digest))
    }

    /// Whether the copy has a blob of the size that it has in the store.
    fn is_held(&mut self, digest: Digest) -> Result<bool, Error> {
        let size = self.shared.blobs.size(digest)?;
        let copy = walk::metadata(&self.target.layout.blob(&digest))?;
        let is_held = size.is_some() && size == copy.map(|copy| copy.len());
        if is_held {
            self.held.insert(digest);
        }
        Ok(is_held)
    }

    /// Copies a blob. Where it is damaged or gone, the copy's own will do if that is whole.
    fn copy(&mut self, digest: Digest, meter: Option<&mut Meter>) -> Result<(), Error> {
        let (from, to) = (
            self.shared.layout.blob(&digest),
            self.target.layout.blob(&digest),
        );
        let tmp = self.target.layout.tmp_file();
        let poured = self.pour(digest, &from, &tmp, meter);
        if !matches!(poured, Ok(Some(_))) {
            self.target.disk.discard(&tmp);
        }
        if let Some(bytes) = poured? {
            if bytes < LARGE {
                self.target.name_when_synced(tmp, to)?;
            } else {
                self.target.name(&tmp, &to)?;
            }
            self.report.copied += 1;
            self.report.bytes += bytes;
            self.held.insert(digest);
            return Ok(());
        }
        self.tell_damaged(&from);
        let is_whole = is_whole(&to, digest, || check_stop(self.stop))?;
        let known = if is_whole {
            &mut self.held
        } else {
            &mut self.lost
        };
        known.insert(digest);
        Ok(())
    }

    /// Copies the bytes of a blob into a new file, which is synced when it is large: so many, or `None`
    /// when they are not the blob's.
    fn pour(
        &mut self,
        digest: Digest,
        from: &Path,
        tmp: &Path,
        mut meter: Option<&mut Meter>,
    ) -> Result<Option<u64>, Error> {
        let Some((source, length)) = open(from)? else {
            return Ok(None);
        };
        let disk = &self.target.disk;
        let file = disk.create(tmp)?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; step(length)];
        let mut offset = 0;
        while offset < length {
            check_stop(self.stop)?;
            let part = &mut buffer[..step(length - offset)];
            match source.read_exact_at(part, offset) {
                Ok(()) => {}
                Err(error) => {
                    let error = Error::io("read", from, error);
                    return if is_loss(&error) {
                        Ok(None)
                    } else {
                        Err(error)
                    };
                }
            }
            hasher.update(part);
            disk.write_at(&file, tmp, offset, part)?;
            offset += part.len() as u64;
            if let Some(Meter { done, total }) = meter.as_deref_mut() {
                *done += part.len() as u64;
                (self.progress)(Progress {
                    phase: Phase::Copy,
                    done: *done,
                    total: Some(*total),
                });
            }
        }
        if hasher.finish() != digest {
            return Ok(None);
        }
        if length >= LARGE {
            disk.sync_file(&file, tmp)?;
            forget_cached(&source);
            forget_cached(&file);
        }
        Ok(Some(length))
    }
}

fn open(path: &Path) -> Result<Option<(File, u64)>, Error> {
    let opened = File::open(path).and_then(|file| {
        let length = file.metadata()?.len();
        Ok((file, length))
    });
    match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened
            .map(Some)
            .map_err(|source| Error::io("open", path, source)),
    }
}

/// Whether there is a file with the bytes of the blob.
fn is_whole(
    path: &Path,
    digest: Digest,
    check: impl Fn() -> Result<(), Error>,
) -> Result<bool, Error> {
    let Some((file, length)) = open(path)? else {
        return Ok(false);
    };
    match rehash(&file, path, digest.algorithm(), length, |_| check()) {
        Ok(hash) => Ok(hash.finish() == digest),
        Err(error) if is_loss(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// How much of what is left is copied at once.
fn step(left: u64) -> usize {
    usize::try_from(left.min(STEP)).expect("a step fits into memory")
}
