//! A tree of files that somebody else reads and writes.
//!
//! Paths are relative, their names separated by `/`; the tree itself has the empty path. Links are told
//! of and never followed. Knows nothing of what the files hold.

use std::io;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The most that is read at once, in bytes.
pub const LONGEST: u32 = 1024 * 1024;

/// A tree of files.
///
/// All of it fails as the file system does, and, dropped before it is done, may be done all the same.
pub trait Tree: Sync {
    /// Makes an empty file that is not there yet.
    fn create(&self, path: &str, mode: u32) -> impl Future<Output = io::Result<()>> + Send;

    /// What a path leads to; nothing if there is nothing.
    fn describe(&self, path: &str) -> impl Future<Output = io::Result<Option<Kind>>> + Send;

    /// Gives a file a second name, which is not there yet.
    fn link(&self, from: &str, to: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// What is in a directory.
    fn list(&self, path: &str) -> impl Future<Output = io::Result<Vec<Entry>>> + Send;

    /// Makes a directory and those it lies in, where they are missing.
    fn make_dir(&self, path: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// So many bytes of a file, at most [`LONGEST`]; fewer at its end, and none behind it.
    fn read(
        &self,
        path: &str,
        offset: u64,
        length: u32,
    ) -> impl Future<Output = io::Result<Bytes>> + Send;

    /// Removes a file or a link.
    fn remove(&self, path: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// Gives a file or a link another name, whatever had it before.
    fn rename(&self, from: &str, to: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// How many bytes can still be written.
    fn room(&self) -> impl Future<Output = io::Result<u64>> + Send;

    /// Makes a symbolic link, which is not there yet, to a text.
    fn symlink(&self, target: &str, path: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits until a file or a directory is on disk.
    fn sync(&self, path: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes into a file that is there.
    fn write(
        &self,
        path: &str,
        offset: u64,
        bytes: Bytes,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// Something in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name there.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What something in a directory is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// How many bytes it has.
        size: u64,
    },
    /// A symbolic link.
    Link {
        /// The text that it holds.
        target: String,
    },
    /// Something else, or something whose name is not UTF-8, which cannot be reached.
    Other,
}
