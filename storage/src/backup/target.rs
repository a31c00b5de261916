//! The directory that becomes the copy: whether it may, and how files get there.
//!
//! A file is on disk before it gets its name, small ones many at a time; that the name is on disk is
//! settled by the next [`sync`](Target::sync). Whoever needs an order between files syncs between them.
//! A first copy does not open before it is whole, and what is found in it later is compared, or has the
//! name of its digest: there names need no order, and one sync at the end does for all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::disk::Disk;
use crate::error::Error;
use crate::format::{self, Form};
use crate::index::Index;
use crate::layout::{Layout, RepoLayout};
use crate::root;
use crate::walk;

/// What may lie in an empty directory: leavings of a backup that hardly began, and a file system's own.
const NOTHING: [&str; 3] = ["lock", "tmp", "lost+found"];

/// So many files wait for their names at once.
const WAITING: usize = 1024;
/// More files or directories than these are not synced one by one, but with all of the file system.
const FEW: usize = 16;

/// A small file: its bytes, and its time, which of a record is that of its last use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    pub(super) modified: SystemTime,
}

/// The directory, held by this process.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    /// Nothing opens here until all of it is there.
    is_first: bool,
    /// Files in `tmp/` that may not be on disk, each with the name that it gets then.
    waiting: Vec<(PathBuf, PathBuf)>,
    /// Directories with names that may not be on disk; of a first copy none is remembered.
    unsynced: BTreeSet<PathBuf>,
    _lock: File,
}

impl Target {
    /// Takes `dir`, which is made if it is missing, for a copy of the store at `original`.
    pub(super) fn open(dir: &Path, original: &Layout, disk: &Disk) -> Result<Self, Error> {
        let dir = resolve(dir)?;
        let refused = |reason| Error::NotForBackup {
            dir: dir.clone(),
            reason,
        };
        if dir.starts_with(resolve(original.root())?) {
            return Err(refused("it lies in the store itself"));
        }
        let (layout, disk) = (Layout::new(dir.clone()), disk.beside(dir.clone()));
        let refuse_other = || match format::read(&layout)? {
            Some(Form::Store) => Err(refused("it is a store of its own")),
            None if !is_empty(&dir)? => Err(refused("it holds something else")),
            form => Ok(form),
        };
        // Before anything is written there, and again when nobody else can.
        refuse_other()?;
        disk.make_root()?;
        root::refuse_world_writable(&dir)?;
        let lock = root::lock(&layout, &disk)?;
        let form = refuse_other()?;
        disk.make_dirs(&layout.tmp())?;
        root::empty_tmp(&layout, &disk)?;
        root::refuse_case_folding(&layout, &disk)?;
        if form.is_some() {
            // What is there already is built upon.
            disk.sync_all()?;
        } else {
            // Before anything else is there: it says whose all that follows is.
            format::write_as(Form::Unfinished, &layout, &disk)?;
        }
        disk.make_dirs(&layout.blobs())?;
        disk.make_dirs(&layout.repos())?;
        let target = Self {
            disk,
            layout,
            is_first: form != Some(Form::Copy),
            waiting: Vec::new(),
            unsynced: BTreeSet::new(),
            _lock: lock,
        };
        target.forget_index()?;
        Ok(target)
    }

    /// If somebody has looked into the copy it has an index, which will be out of date.
    fn forget_index(&self) -> Result<(), Error> {
        let dir = self.layout.index();
        let clean_mark = Index::clean_mark_in(&dir);
        if walk::metadata(&clean_mark)?.is_none() {
            return Ok(());
        }
        self.disk.remove(&clean_mark)?;
        self.disk.sync_dir(&dir)
    }

    /// Puts a small file under the name `path`, whole or not at all, once it is on disk.
    pub(super) fn put(
        &mut self,
        path: &Path,
        Kept { bytes, modified }: &Kept,
    ) -> Result<(), Error> {
        match read(path)? {
            Some(there) if there.bytes == *bytes && there.modified == *modified => return Ok(()),
            Some(there) if there.bytes == *bytes => return self.disk.touch(path, *modified),
            _ => {}
        }
        let tmp = self.layout.tmp_file();
        let file = self.disk.create(&tmp)?;
        let put = self
            .disk
            .write_at(&file, &tmp, 0, bytes)
            .and_then(|()| self.disk.touch(&tmp, *modified));
        if let Err(error) = put {
            self.disk.discard(&tmp);
            return Err(error);
        }
        self.name_when_synced(tmp, path.to_owned())
    }

    /// Gives a synced file the name it keeps; where that fails, the file is removed.
    pub(super) fn name(&mut self, tmp: &Path, path: &Path) -> Result<(), Error> {
        let dir = parent(path);
        let named = self
            .make_dirs(dir)
            .and_then(|()| self.disk.rename(tmp, path));
        match named {
            Ok(()) => self.changed(dir),
            Err(_) => self.disk.discard(tmp),
        }
        named
    }

    /// Gives a file the name it keeps, together with others and after all of them are on disk.
    pub(super) fn name_when_synced(&mut self, tmp: PathBuf, path: PathBuf) -> Result<(), Error> {
        self.waiting.push((tmp, path));
        if self.waiting.len() < WAITING {
            return Ok(());
        }
        self.name_waiting()
    }

    fn name_waiting(&mut self) -> Result<(), Error> {
        if self.waiting.len() > FEW {
            self.disk.sync_all()?;
        } else {
            for (tmp, _) in &self.waiting {
                let file = self.disk.open_for_writing(tmp)?;
                self.disk.sync_file(&file, tmp)?;
            }
        }
        while let Some((tmp, path)) = self.waiting.pop() {
            self.name(&tmp, &path)?;
        }
        Ok(())
    }

    /// Leaves nothing half done after a backup that ended early: what was copied stays, if it can. On a
    /// disk in doubt all is left as it is; `tmp/` is emptied when the target is opened again.
    pub(super) fn give_up(&mut self) {
        if self.name_waiting().is_err() && self.disk.broken().is_none() {
            for (tmp, _) in self.waiting.drain(..) {
                self.disk.discard(&tmp);
            }
        }
    }

    /// Makes a directory and what is missing above it. What is there is on disk: it was synced when the
    /// target was opened, or is by this.
    pub(super) fn make_dirs(&self, dir: &Path) -> Result<(), Error> {
        if dir.is_dir() {
            return Ok(());
        }
        if !self.is_first {
            return self.disk.make_dirs(dir);
        }
        self.make_dirs(parent(dir))?;
        self.disk.make_dir(dir)
    }

    /// Makes an empty file whose name says it all.
    pub(super) fn mark(&mut self, path: &Path) -> Result<(), Error> {
        if walk::metadata(path)?.is_some() {
            return Ok(());
        }
        let dir = parent(path);
        self.make_dirs(dir)?;
        let file = self.disk.create(path)?;
        if !self.is_first {
            self.disk.sync_file(&file, path)?;
        }
        self.changed(dir);
        Ok(())
    }

    /// Removes a file.
    pub(super) fn remove(&mut self, path: &Path) -> Result<(), Error> {
        if self.disk.remove(path)? {
            self.changed(parent(path));
        }
        Ok(())
    }

    /// Removes what is left of a repository that holds nothing. Repositories nested below it stay.
    pub(super) fn remove_repository(&mut self, repository: &RepoLayout) -> Result<(), Error> {
        for folder in RepoLayout::FOLDERS {
            walk::remove_empty(&self.disk, &repository.dir().join(folder))?;
        }
        for dir in repository.dir().ancestors() {
            if dir == self.layout.repos() || !self.disk.remove_dir(dir)? {
                self.changed(dir);
                return self.sync();
            }
        }
        Ok(())
    }

    /// Names were given or removed in this directory.
    fn changed(&mut self, dir: &Path) {
        if !self.is_first {
            self.unsynced.insert(dir.to_owned());
        }
    }

    /// Brings every name given or removed so far to the disk, where what follows depends on it.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        if self.is_first {
            return Ok(());
        }
        self.name_waiting()?;
        let unsynced = std::mem::take(&mut self.unsynced);
        if unsynced.len() > FEW {
            return self.disk.sync_all();
        }
        unsynced.iter().try_for_each(|dir| self.disk.sync_dir(dir))
    }

    /// The copy is whole: from here on it opens.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.is_first {
            self.name_waiting()?;
            self.disk.sync_all()?;
        } else {
            self.sync()?;
        }
        format::write_as(Form::Copy, &self.layout, &self.disk)
    }
}

/// Reads a small file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Kept>, Error> {
    let read = File::open(path).and_then(|mut file| {
        let modified = file.metadata()?.modified()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Kept { bytes, modified })
    });
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read
            .map(Some)
            .map_err(|source| Error::io("read", path, source)),
    }
}

/// A directory by its one true name; it may be missing itself, but not what it lies in.
fn resolve(dir: &Path) -> Result<PathBuf, Error> {
    let resolved = match dir.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::path::absolute(dir).and_then(|dir| match (dir.parent(), dir.file_name()) {
                (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
                _ => Err(error),
            })
        }
        resolved => resolved,
    };
    resolved.map_err(|source| Error::io("find the directory", dir, source))
}

fn is_empty(dir: &Path) -> Result<bool, Error> {
    let other = |name: &str| (!NOTHING.contains(&name)).then_some(());
    Ok(walk::names(dir, other)?.is_empty())
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .expect("a file below the root has a directory")
}
