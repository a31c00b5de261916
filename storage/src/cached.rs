//! What the kernel has in memory already, without ever waiting for a disk.
//!
//! A hop to the blocking pool and back costs more than most of what is asked for there: opening a file
//! whose name is known, reading pages that are cached. So whoever serves asks here first, on the thread
//! it is on, and takes no answer for a reason to ask the slow way, which alone knows what is wrong and
//! what is not there. Invariant: nothing here blocks, and nothing here says that something is missing.

use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

/// The kernel reads a file ahead in stretches of about this size, so that a byte in each stands for the
/// rest of it.
pub(crate) const STRETCH: u64 = 128 * 1024;

/// Opens a file for reading, its time of access left alone, if every name on the way to it is cached.
///
/// It is refused by kernels before 5.12, by filters of system calls that do not know it, and to those
/// who do not own the file.
pub(crate) fn open(path: &Path) -> Option<File> {
    resolve(path, OFlags::RDONLY | OFlags::NOATIME)
}

/// Whether it is known that there is a file of this name.
pub(crate) fn is_there(path: &Path) -> bool {
    resolve(path, OFlags::PATH).is_some()
}

fn resolve(path: &Path, flags: OFlags) -> Option<File> {
    let flags = flags | OFlags::CLOEXEC;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    opened.ok().map(File::from)
}

/// Reads what is cached from `offset` on into the front of `buffer`; how much that was.
pub(crate) fn read(file: &File, offset: u64, buffer: &mut [u8]) -> usize {
    let mut buffers = [IoSliceMut::new(buffer)];
    preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT).unwrap_or(0)
}

/// Whether a part of a file seems to be cached: a byte of each stretch, and the last, are.
pub(crate) fn has(file: &File, offset: u64, length: u64) -> bool {
    probes(offset, length).all(|place| read(file, place, &mut [0]) == 1)
}

/// The places of a part that stand for all of it.
pub(crate) fn probes(offset: u64, length: u64) -> impl Iterator<Item = u64> {
    let end = offset.saturating_add(length);
    let step = usize::try_from(STRETCH).expect("a stretch is short");
    (offset..end).step_by(step).chain(end.checked_sub(1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_just_written_is_opened_and_read_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "content").unwrap();
        assert!(is_there(&path));
        let file = open(&path).expect("this kernel opens what it has cached");
        let mut buffer = [0; 16];
        assert_eq!(read(&file, 3, &mut buffer), 4);
        assert_eq!(&buffer[..4], b"tent");
        assert!(has(&file, 0, 7));
    }

    #[test]
    fn what_is_not_there_or_not_long_enough_is_not_at_hand() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(!is_there(&path) && open(&path).is_none());
        fs::write(&path, "content").unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(read(&file, 7, &mut [0; 16]), 0);
        assert!(!has(&file, 0, 8));
    }

    #[test]
    fn a_part_is_probed_at_its_ends_and_in_each_stretch_of_it() {
        assert_eq!(probes(5, 1).collect::<Vec<_>>(), [5, 5]);
        let places: Vec<_> = probes(7, 2 * STRETCH + 1).collect();
        let end = 7 + 2 * STRETCH;
        assert_eq!(places, [7, 7 + STRETCH, end, end]);
    }
}
