//! Hashes what lies on disk, as against what comes: the way to tell whether it is still the same.
//!
//! Knows neither blobs nor uploads. Everything here blocks.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use rustix::io::Errno;

use crate::error::Error;
use crate::oci::{Algorithm, Hasher};

/// What is read at once, in bytes.
const STEP: usize = 256 * 1024;

/// Hashes the first `length` bytes of `file`, which lies at `path`; `step` is called with each number of
/// bytes read, and ends it with an error.
pub(crate) fn rehash(
    file: &File,
    path: &Path,
    algorithm: Algorithm,
    length: u64,
    mut step: impl FnMut(u64) -> Result<(), Error>,
) -> Result<Hasher, Error> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; STEP];
    let mut offset = 0;
    while offset < length {
        let left = usize::try_from(length - offset).unwrap_or(usize::MAX);
        let part = &mut buffer[..left.min(STEP)];
        file.read_exact_at(part, offset)
            .map_err(|source| Error::io("read", path, source))?;
        hasher.update(part);
        offset += part.len() as u64;
        step(part.len() as u64)?;
    }
    Ok(hasher)
}

/// Has the kernel forget what it holds of the file in memory: what is read next comes from the disk,
/// and what was read does not crowd out what others need.
pub(crate) fn forget_cached(file: &File) {
    // A wish: where it is not granted, bytes in memory are checked instead.
    let _ = fadvise(file, 0, None, Advice::DontNeed);
}

/// Whether reading failed because the bytes are lost, as against a lack of memory, rights or the like:
/// then trying again would not help.
pub(crate) fn is_loss(error: &Error) -> bool {
    let Error::Io { source, .. } = error else {
        return matches!(error, Error::Damaged { .. });
    };
    let bad_medium = [Errno::IO, Errno::UCLEAN, Errno::BADMSG].map(Errno::raw_os_error);
    source.kind() == ErrorKind::UnexpectedEof
        || source
            .raw_os_error()
            .is_some_and(|code| bad_medium.contains(&code))
}
