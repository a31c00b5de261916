//! Blobs: content under the name of its digest, whoever holds it.
//!
//! Knows nothing of repositories, and so must not be asked by anybody who has not first made sure that
//! the caller's repository refers to the digest.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};

use crate::cached;
use crate::config::Clock;
use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::lease::Leases;
use crate::lock::Locks;
use crate::oci::Digest;
use crate::open::open;
use crate::pool::blocking;
use crate::space::Space;
use crate::walk;

/// How far ahead the kernel is told to read by who had to wait for the disk.
const READ_AHEAD: NonZeroU64 = NonZeroU64::new(4 * 1024 * 1024).expect("it is not zero");

/// All blobs of a store.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    disk: Arc<Disk>,
    layout: Layout,
    leases: Arc<Leases>,
    space: Arc<Space>,
    /// Held while the file of a blob comes or goes, so that its size is told once.
    changing: Arc<Locks<Digest>>,
    clock: Clock,
    /// A promise younger than this is not renewed.
    renewal: Duration,
}

impl Blobs {
    /// `grace` is how long a promise holds.
    pub(crate) fn new(
        disk: Arc<Disk>,
        layout: Layout,
        space: Arc<Space>,
        clock: Clock,
        grace: Duration,
    ) -> Self {
        Self {
            disk,
            layout,
            leases: Arc::default(),
            space,
            changing: Arc::default(),
            clock,
            renewal: grace / 4,
        }
    }

    /// What keeps collection away from blobs.
    pub(crate) fn leases(&self) -> &Leases {
        &self.leases
    }

    /// What limits how much may be kept.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// The size in bytes of a blob, if it is here; then collection leaves it alone for a while. To be
    /// called with the blob's lock held.
    pub(crate) fn promise(&self, digest: Digest) -> Result<Option<u64>, Error> {
        let path = self.layout.blob(&digest);
        let Some(metadata) = walk::metadata(&path)? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let is_recent = metadata.modified().is_ok_and(|promised| {
            now.duration_since(promised)
                .is_ok_and(|age| age < self.renewal)
        });
        // Where nothing can be written nothing is collected either.
        if !is_recent && self.disk.broken().is_none() {
            self.disk.touch(&path, now)?;
        }
        Ok(Some(metadata.len()))
    }

    /// Opens a blob, if it is here.
    pub(crate) fn open(&self, digest: Digest) -> Result<Option<BlobReader>, Error> {
        let opened = self.file(digest)?;
        Ok(opened.map(|(file, path, length)| BlobReader::new(digest, file, path, length)))
    }

    /// As [`Self::open`], for a thread that may not block. `None` says nothing: ask again where it may.
    pub(crate) fn open_cached(&self, digest: Digest) -> Option<BlobReader> {
        let path = self.layout.blob(&digest);
        let file = cached::open(&path)?;
        let length = file.metadata().ok()?.len();
        Some(BlobReader::new(digest, file, path, length))
    }

    /// The file of a blob, if it is here, where it lies, and its size in bytes.
    pub(crate) fn file(&self, digest: Digest) -> Result<Option<(File, PathBuf, u64)>, Error> {
        let path = self.layout.blob(&digest);
        let file = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|source| Error::io("open", &path, source))?,
        };
        let metadata = file
            .metadata()
            .map_err(|source| Error::io("look at", &path, source))?;
        Ok(Some((file, path, metadata.len())))
    }

    /// The size of a blob in bytes, if it is here.
    pub(crate) fn size(&self, digest: Digest) -> Result<Option<u64>, Error> {
        let metadata = walk::metadata(&self.layout.blob(&digest))?;
        Ok(metadata.map(|metadata| metadata.len()))
    }

    /// Keeps bytes whose digest was computed from them, if there is room. On disk when this returns.
    ///
    /// What is there under that name is replaced: it should be the same, and if it was damaged, this
    /// mends it.
    pub(crate) fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), Error> {
        let path = self.layout.blob(&digest);
        let _alone = self.changing.blocking_lock(&digest);
        self.space.fill(&path, bytes.len() as u64, || {
            self.disk.put(&self.layout.tmp_file(), &path, bytes)
        })
    }

    /// As [`Self::put`], of a file that was hashed while it was written, and synced. Its bytes have
    /// their room already.
    pub(crate) fn adopt(&self, digest: Digest, file: &Path) -> Result<(), Error> {
        let path = self.layout.blob(&digest);
        let _alone = self.changing.blocking_lock(&digest);
        self.space
            .follow(&[file, &path], || self.disk.publish(file, &path))
    }

    /// Takes a blob away to another place, where it is none. On disk when this returns.
    pub(crate) fn move_away(&self, digest: Digest, to: &Path) -> Result<(), Error> {
        let path = self.layout.blob(&digest);
        let _alone = self.changing.blocking_lock(&digest);
        self.space
            .follow(&[&path], || self.disk.publish(&path, to))?;
        self.disk
            .sync_dir(path.parent().expect("a blob lies in a directory"))
    }
}

/// An open blob: readable to its end even when it is deleted or replaced meanwhile. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobReader(Arc<Open>);

#[derive(Debug)]
struct Open {
    digest: Digest,
    length: u64,
    file: File,
    path: PathBuf,
}

impl BlobReader {
    fn new(digest: Digest, file: File, path: PathBuf, length: u64) -> Self {
        Self(Arc::new(Open {
            digest,
            length,
            file,
            path,
        }))
    }

    /// What it is the content of.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.0.length
    }

    /// Reads `length` bytes from `offset` on, or fewer at the end of the blob.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails, [`Error::Damaged`] when the file has become shorter.
    ///
    /// # Cancel safety
    /// Nothing is lost: reading has no state.
    pub async fn read(&self, offset: u64, length: usize) -> Result<Bytes, Error> {
        let open = Arc::clone(&self.0);
        blocking(move || open.read(offset, length)).await
    }

    /// Fills `buffer` from `offset` on, and has what comes behind it read ahead.
    ///
    /// # Errors
    /// As [`Self::read`]; the end of the blob within the buffer is one, too.
    ///
    /// # Cancel safety
    /// The buffer is lost.
    pub async fn read_into<B>(&self, offset: u64, mut buffer: B) -> Result<B, Error>
    where
        B: AsMut<[u8]> + Send + 'static,
    {
        let open = Arc::clone(&self.0);
        blocking(move || {
            open.read_ahead(offset);
            fill(&open.file, &open.path, offset, buffer.as_mut())?;
            Ok(buffer)
        })
        .await
    }

    /// Reads what is in memory from `offset` on into the front of `buffer`, and does not wait. How much
    /// that was; nothing says nothing about the blob.
    pub fn read_cached(&self, offset: u64, buffer: &mut [u8]) -> usize {
        cached::read(&self.0.file, offset, buffer)
    }

    /// Whether a part of the blob seems to be in memory, so that sending it would not wait for the disk.
    pub fn is_cached(&self, offset: u64, length: u64) -> bool {
        cached::has(&self.0.file, offset, length)
    }

    /// Has the kernel bring a part of the blob into memory, and what comes behind it, too.
    ///
    /// # Errors
    /// As [`Self::read_into`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn cache(&self, offset: u64, length: u64) -> Result<(), Error> {
        let open = Arc::clone(&self.0);
        blocking(move || {
            open.read_ahead(offset);
            cached::probes(offset, length)
                .try_for_each(|place| fill(&open.file, &open.path, place, &mut [0]))
        })
        .await
    }

    /// As [`Self::read`], of the whole, for a thread that may block. For content known to be small.
    pub(crate) fn read_all(&self) -> Result<Bytes, Error> {
        self.0
            .read(0, usize::try_from(self.0.length).unwrap_or(usize::MAX))
    }
}

/// For system calls that take from the file what is sent. Its position means nothing, for all read it
/// at places that they say.
impl AsFd for BlobReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }
}

impl Open {
    /// Advice: where it is not taken, reading is as right as without it.
    fn read_ahead(&self, offset: u64) {
        let _ = fadvise(&self.file, offset, Some(READ_AHEAD), Advice::WillNeed);
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, Error> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        read_at(&self.file, &self.path, offset, length.min(left))
    }
}

/// Reads a part of a file that has it, or had it when it was opened.
pub(crate) fn read_at(
    file: &File,
    path: &Path,
    offset: u64,
    length: usize,
) -> Result<Bytes, Error> {
    let mut buffer = vec![0; length];
    fill(file, path, offset, &mut buffer)?;
    Ok(buffer.into())
}

/// As [`read_at`], into a buffer.
pub(crate) fn fill(file: &File, path: &Path, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
    match file.read_exact_at(buffer, offset) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Damaged {
            path: path.to_owned(),
            defect: "it is shorter than when it was opened",
        }),
        Err(source) => Err(Error::io("read", path, source)),
    }
}
