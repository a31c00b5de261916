//! A directory of this machine as a tree, that counts what is read, and can be made worse than it is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use roadstead_mirror::media::{Entry, Kind, Tree};

/// A directory of this machine.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Whether it is as FAT is: no links, and no colons in names.
    pub(crate) is_fat: bool,
    /// How much room it says there is.
    pub(crate) room: u64,
    /// After how many bytes nobody reads it any more.
    pub(crate) ends_after: u64,
    read: AtomicU64,
}

impl Folder {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            is_fat: false,
            room: u64::MAX,
            ends_after: u64::MAX,
            read: AtomicU64::new(0),
        }
    }

    /// How many bytes were read.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    fn full(&self, path: &str) -> io::Result<PathBuf> {
        if self.is_fat && path.contains(':') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(self.path.join(path))
    }

    fn linkable(&self) -> io::Result<()> {
        if self.is_fat {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}

fn kind(path: &PathBuf) -> io::Result<Kind> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        let target = fs::read_link(path)?.into_os_string().into_string();
        return Ok(target.map_or(Kind::Other, |target| Kind::Link { target }));
    }
    Ok(if metadata.is_dir() {
        Kind::Directory
    } else {
        Kind::File {
            size: metadata.len(),
        }
    })
}

impl Tree for Folder {
    async fn create(&self, path: &str, mode: u32) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(mode);
        options.open(self.full(path)?).map(drop)
    }

    async fn describe(&self, path: &str) -> io::Result<Option<Kind>> {
        match kind(&self.full(path)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            described => described.map(Some),
        }
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.linkable()?;
        fs::hard_link(self.full(from)?, self.full(to)?)
    }

    async fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.full(path)?)? {
            let entry = entry?;
            let name = entry.file_name().into_string().expect("names of text");
            let kind = kind(&entry.path())?;
            entries.push(Entry { name, kind });
        }
        Ok(entries)
    }

    async fn make_dir(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.full(path)?)
    }

    async fn read(&self, path: &str, offset: u64, length: u32) -> io::Result<Bytes> {
        if self.read() >= self.ends_after {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let full = self.full(path)?;
        assert!(!fs::symlink_metadata(&full)?.is_symlink(), "{path} is read");
        let mut bytes = vec![0; length as usize];
        let read = File::open(full)?.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(bytes.into())
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.full(path)?)
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.full(from)?, self.full(to)?)
    }

    async fn room(&self) -> io::Result<u64> {
        Ok(self.room)
    }

    async fn symlink(&self, target: &str, path: &str) -> io::Result<()> {
        self.linkable()?;
        symlink(target, self.full(path)?)
    }

    async fn sync(&self, path: &str) -> io::Result<()> {
        File::open(self.full(path)?)?.sync_all()
    }

    async fn write(&self, path: &str, offset: u64, bytes: Bytes) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.full(path)?)?;
        file.write_all_at(&bytes, offset)
    }
}
