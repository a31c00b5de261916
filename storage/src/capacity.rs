//! How large the disk is that the store lies on, and what of it is free.

use std::path::Path;

use crate::error::Error;

/// What a disk says of itself, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    pub(crate) total: u64,
    pub(crate) free: u64,
}

impl Capacity {
    /// Asks the disk that holds `root`.
    pub(crate) fn of(root: &Path) -> Result<Self, Error> {
        let said = rustix::fs::statvfs(root)
            .map_err(|errno| Error::io("ask for the free space of", root, errno.into()))?;
        if said.f_blocks == 0 {
            // A file system that knows no size of its own, as some over a network: it refuses by itself.
            return Ok(Self {
                total: 0,
                free: u64::MAX,
            });
        }
        Ok(Self {
            total: said.f_blocks.saturating_mul(said.f_frsize),
            free: said.f_bavail.saturating_mul(said.f_frsize),
        })
    }
}
