//! All writing of files in this crate, and nothing else: it knows neither digests nor repositories.
//!
//! Each change is announced as an [`Op`] before it is made, so that a test can record the order of
//! steps or let one fail. A failed sync, or an I/O error, leaves in doubt what is on disk: from then
//! on every change is refused until a restart. A full disk fails only the operation that met it.
//!
//! Everything here blocks; callers are on tokio's blocking pool.

mod dir_sync;
mod op;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use rustix::fs::{Advice, fadvise};
use tracing::error;

use self::dir_sync::DirSyncs;
pub use self::op::{Hook, Op};
use crate::error::Error;

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Directories remembered as durable. Forgetting one costs a sync, no more.
const KNOWN_DIRS: usize = 65_536;
/// How often a directory is made anew when somebody removes its parent meanwhile.
const MAKE_ATTEMPTS: usize = 8;

/// The disk below one data directory.
pub(crate) struct Disk {
    root: PathBuf,
    hook: Option<Arc<dyn Hook>>,
    /// Why nothing may be written any more.
    broken: OnceLock<String>,
    /// Directories below the root whose own entry is known to be on disk.
    durable: Mutex<HashSet<PathBuf>>,
    syncs: DirSyncs,
    /// Whether there may be names that an earlier process gave and did not sync.
    inherited: Mutex<bool>,
}

impl Disk {
    pub(crate) fn new(root: PathBuf, hook: Option<Arc<dyn Hook>>) -> Self {
        Self {
            root,
            hook,
            broken: OnceLock::new(),
            durable: Mutex::default(),
            syncs: DirSyncs::default(),
            inherited: Mutex::new(false),
        }
    }

    /// The disk below another directory, seen by the same hook.
    pub(crate) fn beside(&self, root: PathBuf) -> Self {
        Self::new(root, self.hook.clone())
    }

    /// Why the disk takes no more changes, if so.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    /// Makes the root itself, its entry on disk. What lies above it must be there.
    pub(crate) fn make_root(&self) -> Result<(), Error> {
        self.make_dir(&self.root)?;
        self.root
            .parent()
            .map_or(Ok(()), |parent| self.sync_dir(parent))
    }

    /// Makes `dir`, which lies below the root, and all that is missing above it. Each entry is on disk
    /// when this returns.
    pub(crate) fn make_dirs(&self, dir: &Path) -> Result<(), Error> {
        for _ in 1..MAKE_ATTEMPTS {
            match self.try_make_dirs(dir) {
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    self.forget_upwards(dir);
                }
                done => return done,
            }
        }
        self.try_make_dirs(dir)
    }

    fn try_make_dirs(&self, dir: &Path) -> Result<(), Error> {
        if dir == self.root || self.durable().contains(dir) {
            return Ok(());
        }
        let parent = dir
            .parent()
            .expect("a directory below the root has a parent");
        self.try_make_dirs(parent)?;
        self.make_dir(dir)?;
        self.sync_dir(parent)?;
        let mut durable = self.durable();
        if durable.len() >= KNOWN_DIRS {
            durable.clear();
        }
        durable.insert(dir.to_owned());
        Ok(())
    }

    /// Makes one directory; one that is there already will do. Its entry is not synced.
    pub(crate) fn make_dir(&self, dir: &Path) -> Result<(), Error> {
        let made = self.change(
            &Op::MakeDir { path: dir },
            "make the directory",
            dir,
            || DirBuilder::new().mode(DIR_MODE).create(dir),
        );
        match made {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Ok(())
            }
            done => done,
        }
    }

    /// Makes a new, empty file. Its entry is not synced.
    pub(crate) fn create(&self, path: &Path) -> Result<File, Error> {
        self.change(&Op::Create { path }, "create", path, || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(path)
        })
    }

    /// Opens a file that is there, to go on writing it.
    pub(crate) fn open_for_writing(&self, path: &Path) -> Result<File, Error> {
        self.check()?;
        let opened = OpenOptions::new().read(true).write(true).open(path);
        opened.map_err(|source| Error::io("open", path, source))
    }

    /// Writes all of `bytes` at `offset`. On an error some may have been written.
    pub(crate) fn write_at(
        &self,
        file: &File,
        path: &Path,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let op = Op::Write {
            path,
            offset,
            bytes,
        };
        let takes = |length| self.hook.as_ref().map_or(length, |hook| hook.takes(length));
        self.change(&op, "write", path, || {
            write_all_at(file, bytes, offset, takes)
        })
    }

    /// Cuts the file to `length` bytes.
    pub(crate) fn truncate(&self, file: &File, path: &Path, length: u64) -> Result<(), Error> {
        let op = Op::Truncate { path, length };
        self.change(&op, "truncate", path, || file.set_len(length))
    }

    /// Brings the bytes of the file to the disk.
    pub(crate) fn sync_file(&self, file: &File, path: &Path) -> Result<(), Error> {
        let synced = self.change(&Op::SyncFile { path }, "sync", path, || file.sync_data());
        synced.inspect_err(|error| self.doubt(error))
    }

    /// Has the kernel begin to bring these bytes of the file to the disk, and waits for nothing: a sync finds
    /// less left to do then. Whether they arrive is for that sync to say.
    ///
    /// It is advice, for the range that they will not be needed soon, which Linux follows by writing out
    /// what is not on disk yet; what is on its way stays in memory. Where it is not followed, a sync takes
    /// longer.
    #[expect(
        clippy::unused_self,
        reason = "all writing of files goes through the disk"
    )]
    pub(crate) fn begin_write_back(&self, file: &File, offset: u64, length: u64) {
        let _ = fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed);
    }

    /// From here on nothing is acknowledged before what is below the root already is on disk: who left it
    /// there may have been killed before it synced it, and it is as visible as all else.
    pub(crate) fn inherit(&self) {
        *self.inherited() = true;
    }

    /// Brings what was inherited to the disk, if that has not been done.
    fn settle(&self) -> Result<(), Error> {
        let mut inherited = self.inherited();
        if *inherited {
            self.sync_all()?;
            *inherited = false;
        }
        Ok(())
    }

    /// Brings the entries of the directory to the disk, and before the first ones what was inherited.
    /// Syncs of one directory that are asked for at the same time are shared.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        self.settle()?;
        self.syncs.run(dir, || {
            let opened = File::open(dir);
            let opened = opened.map_err(|source| Error::io("open the directory", dir, source))?;
            let op = Op::SyncDir { path: dir };
            let synced = self.change(&op, "sync the directory", dir, || opened.sync_all());
            synced.inspect_err(|error| self.break_for(error))
        })
    }

    /// Brings to the disk whatever another process has left below the root: it may have been killed
    /// before it did so itself.
    pub(crate) fn sync_all(&self) -> Result<(), Error> {
        let root = &self.root;
        let opened = File::open(root);
        let opened = opened.map_err(|source| Error::io("open the directory", root, source))?;
        let op = Op::SyncAll { path: root };
        let synced = self.change(&op, "sync all of", root, || {
            rustix::fs::syncfs(&opened).map_err(io::Error::from)
        });
        synced.inspect_err(|error| self.break_for(error))
    }

    /// Gives a file another name, replacing what had it. Neither directory is synced.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.change(&Op::Rename { from, to }, "rename to", to, || {
            fs::rename(from, to)
        })
    }

    /// Sets when the file was last changed, or used. Not synced.
    pub(crate) fn touch(&self, path: &Path, time: SystemTime) -> Result<(), Error> {
        self.change(&Op::Touch { path }, "touch", path, || {
            OpenOptions::new()
                .write(true)
                .open(path)?
                .set_modified(time)
        })
    }

    /// Removes a file. Its entry is not synced. Whether there was one.
    pub(crate) fn remove(&self, path: &Path) -> Result<bool, Error> {
        let removed = self.change(&Op::Remove { path }, "remove", path, || {
            fs::remove_file(path)
        });
        absent_is_false(removed)
    }

    /// Removes an empty directory. Whether it is gone; not so when something lies in it.
    pub(crate) fn remove_dir(&self, dir: &Path) -> Result<bool, Error> {
        self.durable().remove(dir);
        let op = Op::RemoveDir { path: dir };
        let removed = self.change(&op, "remove the directory", dir, || fs::remove_dir(dir));
        match removed {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Ok(false)
            }
            done => absent_is_false(done),
        }
    }

    /// Puts `bytes` under the name `path`, whole or not at all, by way of `tmp`. File, entry and all
    /// directories above are on disk when this returns.
    pub(crate) fn put(&self, tmp: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let file = self.create(tmp)?;
        let put = self
            .write_at(&file, tmp, 0, bytes)
            .and_then(|()| self.sync_file(&file, tmp))
            .and_then(|()| self.publish(tmp, path));
        if put.is_err() {
            self.discard(tmp);
        }
        put
    }

    /// Gives a synced file the name it keeps. Entry and all directories above are on disk when this
    /// returns.
    pub(crate) fn publish(&self, tmp: &Path, path: &Path) -> Result<(), Error> {
        let dir = path
            .parent()
            .expect("a file below the root has a directory");
        self.make_dirs(dir)?;
        self.rename(tmp, path)?;
        self.sync_dir(dir)
    }

    /// Makes an empty file whose name says it all, on disk when this returns. One that is there will
    /// do, but is synced all the same: who made it may not have come that far.
    pub(crate) fn mark(&self, path: &Path) -> Result<(), Error> {
        let dir = path
            .parent()
            .expect("a file below the root has a directory");
        self.make_dirs(dir)?;
        let file = match self.create(path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                self.open_for_writing(path)
            }
            created => created,
        }?;
        self.sync_file(&file, path)?;
        self.sync_dir(dir)
    }

    /// Removes what a failed operation left behind; the failure is what the caller hears of.
    pub(crate) fn discard(&self, path: &Path) {
        if let Err(error) = self.remove(path) {
            error!(path = %path.display(), %error, "Could not remove what a failed write left");
        }
    }

    /// Refuses when the disk is in doubt.
    fn check(&self) -> Result<(), Error> {
        match self.broken() {
            Some(reason) => Err(Error::ReadOnly {
                reason: reason.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Announces a change, makes it, and names it when it fails.
    fn change<T>(
        &self,
        op: &Op<'_>,
        attempt: &'static str,
        path: &Path,
        make: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Error> {
        self.check()?;
        let announced = self.hook.as_ref().map_or(Ok(()), |hook| hook.before(op));
        let changed = announced.and_then(|()| make());
        let changed = changed.map_err(|source| Error::io(attempt, path, source));
        changed.inspect_err(|error| {
            let eio = rustix::io::Errno::IO.raw_os_error();
            if matches!(error, Error::Io { source, .. } if source.raw_os_error() == Some(eio)) {
                self.break_for(error);
            }
        })
    }

    /// After a failed sync the kernel may have dropped the bytes and forgotten that it did: asking
    /// again would answer well. Only a full disk is known to have kept its word.
    fn doubt(&self, error: &Error) {
        if matches!(error, Error::Io { .. }) {
            self.break_for(error);
        }
    }

    fn break_for(&self, error: &Error) {
        let first = self.broken.set(error.to_string()).is_ok();
        if first {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            error!(%error, cause, "The store is read-only from here on: a write is in doubt");
        }
    }

    /// After a parent went away: nothing above `dir` is taken for granted any more.
    fn forget_upwards(&self, dir: &Path) {
        let mut durable = self.durable();
        for ancestor in dir.ancestors() {
            durable.remove(ancestor);
        }
    }

    fn inherited(&self) -> MutexGuard<'_, bool> {
        self.inherited
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk")
            .field("root", &self.root)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

/// Writes all of `bytes`, in as many calls as it takes: the system may take fewer at once than it is given,
/// and is given no more than `takes` says.
fn write_all_at(
    file: &File,
    mut bytes: &[u8],
    mut offset: u64,
    takes: impl Fn(usize) -> usize,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(&bytes[..takes(bytes.len())], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn absent_is_false(removed: Result<(), Error>) -> Result<bool, Error> {
    match removed {
        Ok(()) => Ok(true),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
