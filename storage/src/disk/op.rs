//! The changes a disk can undergo, as a test sees them.

use std::io;
use std::path::Path;

/// One change, announced before it is made.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Op<'a> {
    /// A new, empty file.
    Create {
        /// Its name.
        path: &'a Path,
    },
    /// A new directory.
    MakeDir {
        /// Its name.
        path: &'a Path,
    },
    /// A file loses its name.
    Remove {
        /// Its name.
        path: &'a Path,
    },
    /// An empty directory goes.
    RemoveDir {
        /// Its name.
        path: &'a Path,
    },
    /// A file changes its name.
    Rename {
        /// Before.
        from: &'a Path,
        /// After; whatever had this name loses it.
        to: &'a Path,
    },
    /// Everything that is below a directory reaches the disk, whoever wrote it.
    SyncAll {
        /// The directory.
        path: &'a Path,
    },
    /// The entries of a directory reach the disk.
    SyncDir {
        /// The directory.
        path: &'a Path,
    },
    /// The bytes of a file reach the disk.
    SyncFile {
        /// The file.
        path: &'a Path,
    },
    /// The time of a file is set.
    Touch {
        /// The file.
        path: &'a Path,
    },
    /// A file is cut.
    Truncate {
        /// The file.
        path: &'a Path,
        /// What it keeps, in bytes.
        length: u64,
    },
    /// Bytes are written.
    Write {
        /// The file.
        path: &'a Path,
        /// Where.
        offset: u64,
        /// What.
        bytes: &'a [u8],
    },
}

/// Sees each change before it is made, and may let it fail.
pub trait Hook: Send + Sync {
    /// Called before each change, from the thread that makes it.
    ///
    /// # Errors
    /// What the change shall fail with instead of being made.
    fn before(&self, op: &Op<'_>) -> io::Result<()>;

    /// How many of `length` bytes the disk takes at once, at least one; a write goes on with the rest.
    fn takes(&self, length: usize) -> usize {
        length
    }
}
