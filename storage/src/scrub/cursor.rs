//! In which order blobs are read, and how far a scrub in the background has come.
//!
//! A slow scrub outlives restarts: it notes each folder of blobs that it is through with in
//! `state/scrub`, and the next one goes on behind it. The note decides where to begin, no more, so a
//! damaged or a missing one only means to begin anew.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::oci::{Algorithm, Digest};
use crate::walk;

/// A folder of blobs: those of one algorithm whose digests begin alike.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    algorithm: Algorithm,
    /// How its digests begin.
    prefix: String,
    dir: PathBuf,
}

impl Shard {
    /// The blobs that are where they should be.
    pub(super) fn blobs(&self) -> Result<Vec<Digest>, Error> {
        walk::names(&self.dir, |name| {
            let digest = Digest::from_hex(self.algorithm, name).ok()?;
            name.starts_with(&self.prefix).then_some(digest)
        })
    }

    fn name(&self) -> String {
        format!("{}/{}", self.algorithm, self.prefix)
    }
}

/// All folders below `blobs`, in the order in which they are read.
pub(super) fn shards(blobs: &Path) -> Result<Vec<Shard>, Error> {
    let mut shards = Vec::new();
    for algorithm in Algorithm::ALL {
        let folder = blobs.join(algorithm.as_str());
        for prefix in walk::names(&folder, |name| Some(name.to_owned()))? {
            let dir = folder.join(&prefix);
            shards.push(Shard {
                algorithm,
                prefix,
                dir,
            });
        }
    }
    shards.sort_by_key(Shard::name);
    Ok(shards)
}

/// The note of one scrub; nothing is noted of one that begins at the beginning.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    layout: &'a Layout,
    disk: &'a Disk,
    resumes: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(layout: &'a Layout, disk: &'a Disk, resumes: bool) -> Self {
        Self {
            layout,
            disk,
            resumes,
        }
    }

    /// What is left to be read.
    pub(super) fn left(&self, mut shards: Vec<Shard>) -> Vec<Shard> {
        if self.resumes
            && let Ok(passed) = fs::read_to_string(self.layout.scrub_cursor())
            && let Some(last) = shards.iter().position(|shard| shard.name() == passed)
        {
            shards.drain(..=last);
        }
        shards
    }

    /// All blobs of the folder were read.
    pub(super) fn passed(&self, shard: &Shard) -> Result<(), Error> {
        if !self.resumes {
            return Ok(());
        }
        self.disk.put(
            &self.layout.tmp_file(),
            &self.layout.scrub_cursor(),
            shard.name().as_bytes(),
        )
    }

    /// The next scrub begins anew.
    pub(super) fn finish(&self) -> Result<(), Error> {
        if self.resumes {
            self.disk.remove(&self.layout.scrub_cursor())?;
        }
        Ok(())
    }
}
