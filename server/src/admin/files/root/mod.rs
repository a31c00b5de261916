//! The one directory of the caller's that a command works in, and all that can be done there.
//!
//! Held open, so that it stays the same one whatever becomes of its name. Each path is walked name by
//! name from there, and no link is followed. Invariant: `..`, absolute paths and links lead nowhere,
//! and only files are read and written: nothing waits for the other end of a pipe.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use roadstead_mirror::media::{Entry, Kind, LONGEST};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, fstat, fstatvfs, fsync, linkat, mkdirat, open, openat,
    readlinkat, renameat, statat, symlinkat, unlinkat,
};
use rustix::io::{Errno, pread, pwrite};

use super::operation::{Operation, Reply, Said};

/// How a directory is opened that only leads somewhere.
const PASSED: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How a file is opened. What is no file must not keep us waiting, nor become our terminal.
const OPENED: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A directory that is made where it is missing.
const DIRECTORY: Mode = Mode::from_raw_mode(0o755);

/// A directory of the caller's. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Root(Arc<OwnedFd>);

impl Root {
    /// The directory `path`, which is there.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Arc::new(open(path, flags, Mode::empty())?)))
    }

    /// The directory `path`, which is made if it is missing, with those it lies in.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn make(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Self::open(path)
    }

    /// Does what is asked.
    pub(in crate::admin) fn carry_out(&self, operation: &Operation, bytes: &[u8]) -> Reply {
        let (outcome, bytes) = match self.carry_out_or_fail(operation, bytes) {
            Ok((said, bytes)) => (Ok(said), bytes),
            Err(error) => (Err(error.raw_os_error()), Bytes::new()),
        };
        Reply { outcome, bytes }
    }

    fn carry_out_or_fail(
        &self,
        operation: &Operation,
        bytes: &[u8],
    ) -> Result<(Said, Bytes), Errno> {
        let said = match operation {
            Operation::Create { path, mode } => {
                let (dir, name) = self.parent(path)?;
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OPENED;
                openat(dir, name, flags, Mode::from_raw_mode(mode & 0o777))?;
                Said::Done
            }
            Operation::Describe { path } => {
                let (dir, name) = self.parent(path)?;
                Said::Entry(entry(dir.as_fd(), name)?)
            }
            Operation::Link { from, to } => {
                let ((dir, name), (new_dir, new_name)) = (self.parent(from)?, self.parent(to)?);
                linkat(dir, name, new_dir, new_name, AtFlags::empty())?;
                Said::Done
            }
            Operation::List { path } => Said::Entries(self.list(path)?),
            Operation::MakeDir { path } => self.make_dir(path)?,
            Operation::Read {
                path,
                offset,
                length,
            } => return Ok((Said::Done, self.read(path, *offset, *length)?)),
            Operation::Remove { path } => self.remove(path)?,
            Operation::Rename { from, to } => {
                let ((dir, name), (new_dir, new_name)) = (self.parent(from)?, self.parent(to)?);
                renameat(dir, name, new_dir, new_name)?;
                Said::Done
            }
            Operation::Room => {
                let system = fstatvfs(&*self.0)?;
                Said::Room(system.f_bavail.saturating_mul(system.f_frsize))
            }
            Operation::Symlink { target, path } => {
                let (dir, name) = self.parent(path)?;
                symlinkat(target.as_str(), dir, name)?;
                Said::Done
            }
            Operation::Sync { path } => {
                fsync(self.reopen(path, OFlags::RDONLY)?)?;
                Said::Done
            }
            Operation::Write { path, offset } => {
                self.write(path, *offset, bytes)?;
                Said::Done
            }
        };
        Ok((said, Bytes::new()))
    }

    /// The directory that the last name of a path stands in, and that name.
    fn parent<'p>(&self, path: &'p str) -> Result<(OwnedFd, &'p str), Errno> {
        let (above, name) = match path.rsplit_once('/') {
            Some((above, name)) => (Some(above), name),
            None => (None, path),
        };
        is_name(name)?;
        let mut dir = openat(&*self.0, ".", PASSED, Mode::empty())?;
        for name in above.into_iter().flat_map(|above| above.split('/')) {
            is_name(name)?;
            dir = openat(dir, name, PASSED, Mode::empty())?;
        }
        Ok((dir, name))
    }

    /// Opens what a path leads to, which may be the directory itself.
    fn reopen(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        if path.is_empty() {
            return openat(&*self.0, ".", flags | OPENED, Mode::empty());
        }
        let (dir, name) = self.parent(path)?;
        openat(dir, name, flags | OPENED, Mode::empty())
    }

    fn file(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let file = self.reopen(path, flags)?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file),
            FileType::Directory => Err(Errno::ISDIR),
            _ => Err(Errno::INVAL),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Errno> {
        let dir = self.reopen(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut entries = Vec::new();
        for listed in Dir::read_from(&dir)? {
            let listed = listed?;
            let Ok(name) = listed.file_name().to_str() else {
                entries.push(Entry {
                    name: listed.file_name().to_string_lossy().into_owned(),
                    kind: Kind::Other,
                });
                continue;
            };
            if matches!(name, "." | "..") {
                continue;
            }
            match entry(dir.as_fd(), name) {
                Ok(entry) => entries.push(entry),
                // It was removed meanwhile.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn make_dir(&self, path: &str) -> Result<Said, Errno> {
        let mut dir = openat(&*self.0, ".", PASSED, Mode::empty())?;
        for name in path.split('/') {
            is_name(name)?;
            match mkdirat(&dir, name, DIRECTORY) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            dir = openat(dir, name, PASSED, Mode::empty())?;
        }
        Ok(Said::Done)
    }

    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Bytes, Errno> {
        let file = self.file(path, OFlags::RDONLY)?;
        let mut bytes = BytesMut::zeroed(length.min(LONGEST) as usize);
        let mut filled = 0;
        while filled < bytes.len() {
            match pread(&file, &mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes.freeze())
    }

    fn remove(&self, path: &str) -> Result<Said, Errno> {
        let (dir, name) = self.parent(path)?;
        match unlinkat(&dir, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => unlinkat(&dir, name, AtFlags::REMOVEDIR)?,
            removed => removed?,
        }
        Ok(Said::Done)
    }

    fn write(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let file = self.file(path, OFlags::WRONLY)?;
        let mut written = 0;
        while written < bytes.len() {
            match pwrite(&file, &bytes[written..], offset + written as u64) {
                Ok(0) => return Err(Errno::IO),
                Ok(more) => written += more,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether a part of a path leads down, and only one step.
fn is_name(name: &str) -> Result<(), Errno> {
    match name {
        "" | "." | ".." => Err(Errno::INVAL),
        name if name.contains(['/', '\0']) => Err(Errno::INVAL),
        _ => Ok(()),
    }
}

/// What a name in a directory stands for.
fn entry(dir: BorrowedFd<'_>, name: &str) -> Result<Entry, Errno> {
    let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File {
            size: u64::try_from(stat.st_size).unwrap_or_default(),
        },
        FileType::Symlink => {
            let target = readlinkat(dir, name, Vec::new())?;
            match target.into_string() {
                Ok(target) => Kind::Link { target },
                Err(_) => Kind::Other,
            }
        }
        _ => Kind::Other,
    };
    let name = name.to_owned();
    Ok(Entry { name, kind })
}

#[cfg(test)]
mod tests;
