//! What can go wrong in the store, by whose fault, and whether to try again.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::oci::{Digest, Tag};

/// An operation of the store failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A backup is under way, which needs everything to stay. Later will work.
    #[error("a backup is under way")]
    BackingUp,
    /// The file system folds case: two tags would be one file.
    #[error("the file system of {} does not tell upper from lower case", root.display())]
    CaseFolding {
        /// The data directory.
        root: PathBuf,
    },
    /// A file of the store is not what was written.
    #[error("{} is damaged: {defect}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        defect: &'static str,
    },
    /// The configuration forbids deleting.
    #[error("deleting is disabled")]
    DeleteDisabled,
    /// The client's content is not what it said.
    #[error("the digest of the content is {actual}, not {expected}")]
    DigestMismatch {
        /// Announced by the client.
        expected: Box<Digest>,
        /// Of the bytes that came.
        actual: Box<Digest>,
    },
    /// A fetch from another registry ended early. Another one goes on where it stopped.
    #[error("the fetch was interrupted")]
    FetchInterrupted,
    /// Another registry sent something else than what was wanted.
    #[error("what was fetched is not what was wanted")]
    FetchedOther,
    /// The disk, or a quota on it, is full. What was begun is undone; later may work.
    #[error("{attempt} {}: no space left", path.display())]
    Full {
        /// What was done.
        attempt: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The index is being rebuilt. Later will work.
    #[error("the index is being rebuilt")]
    IndexNotReady,
    /// The file system refused.
    #[error("{attempt} {}", path.display())]
    Io {
        /// What was done.
        attempt: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process holds the store.
    #[error("the store in {} is in use by {by}", root.display())]
    Locked {
        /// The data directory.
        root: PathBuf,
        /// What the lock file says of its holder.
        by: String,
    },
    /// Written by a newer version of this program.
    #[error("the store has format {found}, this program knows up to {known}")]
    NewerFormat {
        /// Found on disk.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// There is no store in the data directory.
    #[error("there is no store in {}", root.display())]
    NotAStore {
        /// The data directory.
        root: PathBuf,
    },
    /// A backup must not overwrite what is in the directory.
    #[error("{} may not become a backup: {reason}", dir.display())]
    NotForBackup {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Taking more would make the store too large, or leave too little of the disk free. What was begun
    /// is undone; later may work.
    #[error("{limit}")]
    OverQuota {
        /// What stands in the way.
        limit: Limit,
    },
    /// A write failed in a way that leaves the disk in doubt: only a restart clears this.
    #[error("the store is read-only since a write failed: {reason}")]
    ReadOnly {
        /// What failed.
        reason: String,
    },
    /// Nothing of that size is the signature of a release.
    #[error("a signature of {size} bytes is too large, {most} is the most")]
    SignatureTooLarge {
        /// Its bytes.
        size: usize,
        /// How many it may have.
        most: usize,
    },
    /// The caller asked to stop. Running it again goes on.
    #[error("stopped")]
    Stopped,
    /// The configuration forbids moving or deleting the tag.
    #[error("the tag {tag} is immutable")]
    TagImmutable {
        /// The tag.
        tag: Tag,
    },
    /// There are as many signatures of a release as are kept of one.
    #[error("there are {most} signatures of {release} already")]
    TooManySignatures {
        /// Whose.
        release: Box<Digest>,
        /// How many are kept.
        most: u8,
    },
    /// There are as many uploads in progress as the store keeps. Later may work.
    #[error("too many uploads are in progress")]
    TooManyUploads,
    /// A backup was begun in the directory and never came to its end.
    #[error("the backup in {} was not finished", root.display())]
    UnfinishedBackup {
        /// The directory.
        root: PathBuf,
    },
    /// Another request is writing to the upload.
    #[error("another request is writing to the upload")]
    UploadBusy,
    /// No such upload, or not the caller's.
    #[error("no such upload")]
    UploadUnknown,
    /// Everybody on the machine could change the store.
    #[error("{} may be written by everybody", root.display())]
    WorldWritable {
        /// The data directory.
        root: PathBuf,
    },
}

/// What keeps the store from taking more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Limit {
    /// Of the disk so much has to stay free.
    #[error("{free} bytes of the disk are free, and {keep} have to stay so")]
    KeepFree {
        /// Bytes that are free.
        free: u64,
        /// Bytes that have to stay free.
        keep: u64,
    },
    /// The store may grow to this size.
    #[error("the store takes {used} bytes and may take {max_size}")]
    MaxSize {
        /// Bytes that it takes, with what is arriving.
        used: u64,
        /// Bytes that it may take.
        max_size: u64,
    },
}

impl Error {
    pub(crate) fn digest_mismatch(expected: Digest, actual: Digest) -> Self {
        Self::DigestMismatch {
            expected: Box::new(expected),
            actual: Box::new(actual),
        }
    }

    /// Whether there was no room for what was to be written.
    pub(crate) fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::OverQuota { .. })
    }

    /// Names what was attempted and sorts a full disk from all else.
    pub(crate) fn io(attempt: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                attempt,
                path,
                source,
            },
            _ => Self::Io {
                attempt,
                path,
                source,
            },
        }
    }
}
