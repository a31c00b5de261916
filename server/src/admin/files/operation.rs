//! What can be done with the caller's files, as data that may cross a socket.
//!
//! Paths are relative to the one directory that the command opened. Owns no way to do any of it.

use std::fmt::{self, Display, Formatter};

use bytes::Bytes;
use roadstead_mirror::media::Entry;
use serde::{Deserialize, Serialize};

/// Something to be done below the directory. An empty path stands for the directory itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::admin) enum Operation {
    /// Make a file that is not there yet.
    Create { path: String, mode: u32 },
    /// Say what a path leads to. A link is not followed.
    Describe { path: String },
    /// Give a file a second name, which is not there yet.
    Link { from: String, to: String },
    /// List a directory.
    List { path: String },
    /// Make a directory, and those it lies in; it may be there already.
    MakeDir { path: String },
    /// Read a part of a file; less at its end.
    Read {
        path: String,
        offset: u64,
        length: u32,
    },
    /// Remove a file, a link or an empty directory.
    Remove { path: String },
    /// Give a file or a link another name, whatever had that before.
    Rename { from: String, to: String },
    /// How many bytes can still be written.
    Room,
    /// Make a link, which is not there yet, to a text.
    Symlink { target: String, path: String },
    /// Wait until a file or a directory is on disk.
    Sync { path: String },
    /// Write the bytes that come along into a file that is there.
    Write { path: String, offset: u64 },
}

/// What came of an operation.
#[derive(Debug)]
pub(in crate::admin) struct Reply {
    /// What is said of it, or the number of the operating system's error.
    pub(in crate::admin) outcome: Result<Said, i32>,
    /// What was read.
    pub(in crate::admin) bytes: Bytes,
}

/// What is said of an operation that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::admin) enum Said {
    /// Nothing more.
    Done,
    /// What is in a directory.
    Entries(Vec<Entry>),
    /// What a path leads to.
    Entry(Entry),
    /// How many bytes there is room for.
    Room(u64),
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (attempt, path) = match self {
            Self::Create { path, .. } => ("create", path),
            Self::Describe { path } => ("look at", path),
            Self::Link { from, to } => return write!(f, "link {from} as {to}"),
            Self::List { path } => ("list", path),
            Self::MakeDir { path } => ("make the directory", path),
            Self::Read { path, .. } => ("read", path),
            Self::Remove { path } => ("remove", path),
            Self::Rename { from, to } => return write!(f, "rename {from} to {to}"),
            Self::Room => return f.write_str("ask how much room is left"),
            Self::Symlink { target, path } => return write!(f, "link {path} to {target}"),
            Self::Sync { path } => ("sync", path),
            Self::Write { path, .. } => ("write", path),
        };
        match path.as_str() {
            "" => write!(f, "{attempt} the directory"),
            path => write!(f, "{attempt} {path}"),
        }
    }
}
