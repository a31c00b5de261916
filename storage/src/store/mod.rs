//! The store: opens all of it under one lock, and hands out repositories and uploads.

mod note;
mod removal;
mod signature;
mod upkeep;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use tokio::sync::RwLock;

use crate::blob::Blobs;
use crate::config::Config;
use crate::disk::{Disk, Hook};
use crate::error::Error;
use crate::fetch::{self, Fetch, Fetches};
use crate::format;
use crate::index::Index;
use crate::layout::Layout;
use crate::link::Links;
use crate::lock::Locks;
use crate::oci::{Algorithm, Digest, Reference, RepoName};
use crate::pool::blocking;
use crate::progress::Progress;
use crate::record::Principal;
use crate::reindex;
use crate::repo::{AtHand, Memory, Repo, Shared};
use crate::repo_locks::RepoLocks;
use crate::root;
use crate::space::{Space, Usage};
use crate::upload::{Batch, Upload, UploadId, Uploads};
use crate::walk;

/// The kernel's name for this boot of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An open store. Cheap to clone; the lock is held until the last clone is gone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    uploads: Uploads,
    fetches: Fetches,
    /// Held by the collection under way.
    collecting: Arc<tokio::sync::Mutex<()>>,
    /// Held alone by the collection under way, and shared by backups, which need every blob to stay.
    keeping: Arc<RwLock<()>>,
    /// Held by the rebuild of the index under way.
    reindexing: tokio::sync::Mutex<()>,
    /// Held by whoever changes the signatures of a release.
    signing: Locks<Digest>,
    /// Locked as long as it is open.
    _lock: File,
}

/// What a store holds, in numbers.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stat {
    /// Repositories.
    pub repositories: u64,
    /// Tags of all repositories.
    pub tags: u64,
    /// Manifests of all repositories.
    pub manifests: u64,
    /// Blobs in the store, manifests among them.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub blob_bytes: u64,
    /// Uploads in progress.
    pub uploads: u64,
}

impl Store {
    /// Opens the store in the data directory, making what is missing.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NewerFormat`], [`Error::CaseFolding`], [`Error::WorldWritable`], and
    /// the file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end; a dropped future closes the store again.
    pub async fn create_or_open(config: Config) -> Result<Self, Error> {
        Self::create_or_open_hooked(config, None).await
    }

    /// As [`create_or_open`](Self::create_or_open), with a hook that sees every change of the disk.
    ///
    /// # Errors
    /// As [`create_or_open`](Self::create_or_open).
    ///
    /// # Cancel safety
    /// As [`create_or_open`](Self::create_or_open).
    pub async fn create_or_open_hooked(
        config: Config,
        hook: Option<Arc<dyn Hook>>,
    ) -> Result<Self, Error> {
        blocking(move || {
            let disk = Disk::new(config.root.clone(), hook);
            disk.make_root()?;
            let store = open(config, disk)?;
            let Shared { layout, disk, .. } = &*store.0.shared;
            format::leave_original(layout, disk)?;
            Ok(store)
        })
        .await
    }

    /// Opens the store that is in the data directory.
    ///
    /// # Errors
    /// [`Error::NotAStore`] when there is none; else as [`create_or_open`](Self::create_or_open).
    ///
    /// # Cancel safety
    /// As [`create_or_open`](Self::create_or_open).
    pub async fn open(config: Config) -> Result<Self, Error> {
        blocking(move || {
            if !Layout::new(config.root.clone()).format().is_file() {
                return Err(Error::NotAStore { root: config.root });
            }
            let disk = Disk::new(config.root.clone(), None);
            open(config, disk)
        })
        .await
    }

    /// A repository, there or not. Looks nothing up.
    pub fn repo(&self, name: &RepoName) -> Repo {
        Repo::new(Arc::clone(&self.0.shared), name.clone())
    }

    /// A manifest, if it need not be read from the disk: as [`Repo::at_hand`], without the way there. To
    /// be called within a runtime.
    pub fn at_hand(&self, repository: &RepoName, reference: &Reference) -> Option<AtHand> {
        self.0.shared.at_hand(repository, reference)
    }

    /// Begins an upload into `repository` for `owner`. The session survives a restart.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`], [`Error::OverQuota`], and the file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end; a session that nobody was told of is left to collection.
    pub async fn begin_upload(
        &self,
        repository: &RepoName,
        owner: &Principal,
        algorithm: Algorithm,
    ) -> Result<UploadId, Error> {
        self.space().counted().await?;
        let uploads = self.0.uploads.clone();
        let (repository, owner) = (repository.clone(), owner.clone());
        blocking(move || uploads.begin(&repository, &owner, algorithm)).await
    }

    /// Takes an upload for one request; others wait until it is dropped.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], also for what another owner or repository began;
    /// [`Error::UploadBusy`] when another request keeps it too long; and the file system's.
    ///
    /// # Cancel safety
    /// A dropped future leaves the session as it was.
    pub async fn upload(
        &self,
        repository: &RepoName,
        id: UploadId,
        owner: &Principal,
    ) -> Result<Upload, Error> {
        self.space().counted().await?;
        self.0.uploads.resume(repository, id, owner).await
    }

    /// Appends what is the last of an upload and makes all of it the blob `expected`: what
    /// [`upload`](Self::upload), [`Upload::append`] and [`Upload::commit`] do, in one go. For little, since
    /// nobody else's work is done meanwhile. How many bytes the blob has.
    ///
    /// # Errors
    /// As those; where the upload is kept, it is as it was before.
    ///
    /// # Cancel safety
    /// A future that is dropped while it waits for another request leaves the session as it was; after
    /// that it runs to its end.
    pub async fn finish_upload(
        &self,
        repository: &RepoName,
        id: UploadId,
        owner: &Principal,
        last: Batch,
        expected: Digest,
    ) -> Result<u64, Error> {
        self.space().counted().await?;
        let uploads = &self.0.uploads;
        uploads.finish(repository, id, owner, last, expected).await
    }

    /// Fetches a blob from another registry, or joins whoever does, unless it is here already.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end; what nobody goes on with ends at once.
    pub async fn fetch(&self, blob: Digest) -> Result<Fetch, Error> {
        self.space().counted().await?;
        self.0.fetches.fetch(blob).await
    }

    /// Up to `limit` names of repositories after `after`, in byte order.
    ///
    /// # Errors
    /// [`Error::IndexNotReady`] until the index is built.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn repositories(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RepoName>, Error> {
        let (index, after) = (Arc::clone(&self.0.shared.index), after.map(str::to_owned));
        blocking(move || index.repositories(after.as_deref(), limit))
            .await
            .ok_or(Error::IndexNotReady)
    }

    /// Up to `limit` repositories that may hold `blob`: a hint for mounts, to be looked up.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn repositories_holding(&self, blob: Digest, limit: usize) -> Vec<RepoName> {
        let index = Arc::clone(&self.0.shared.index);
        blocking(move || index.holders(blob, limit)).await
    }

    /// Counts what the store holds, by walking through it.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn stat(&self) -> Result<Stat, Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.stat()).await
    }

    /// What the store takes and may take. Where its size is limited, the first call after a start counts
    /// it, and pushes wait for that; so it is well asked early.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only; a count that was begun goes on.
    pub async fn usage(&self) -> Result<Usage, Error> {
        self.space().counted().await?;
        let space = Arc::clone(self.space());
        blocking(move || space.usage()).await
    }

    /// Whether listings of repositories are complete.
    pub fn index_ready(&self) -> bool {
        self.0.shared.index.is_ready()
    }

    /// Why the store takes no more changes, if so. Only a restart changes that.
    pub fn read_only(&self) -> Option<&str> {
        self.0.shared.disk.broken()
    }

    /// Rebuilds the index whenever it has to be, for ever. To be run beside whatever else is done.
    ///
    /// # Errors
    /// When it cannot be rebuilt: something is wrong with the disk.
    ///
    /// # Cancel safety
    /// A rebuild that was begun runs to its end on the blocking pool.
    pub async fn keep_index(&self) -> Result<std::convert::Infallible, Error> {
        loop {
            if !self.index_ready() {
                self.rebuild_index().await?;
            }
            self.0.shared.index.until_stale().await;
        }
    }

    /// Builds the index anew from the files. Changes go on meanwhile and are taken in.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn rebuild_index(&self) -> Result<(), Error> {
        self.reindex(Arc::default(), |_| {}).await
    }

    /// As [`rebuild_index`](Self::rebuild_index), telling how far it has come. Waits for a rebuild that
    /// is under way, and then begins anew. What `stop` or an error ends early is left to whoever
    /// [keeps](Self::keep_index) the index, or to the next start.
    ///
    /// # Errors
    /// [`Error::Stopped`], and the file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs until `stop`, whatever becomes of the future.
    pub async fn reindex(
        &self,
        stop: Arc<AtomicBool>,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _one_at_a_time = inner.reindexing.blocking_lock();
            reindex::rebuild(&inner.shared, &stop, &mut progress)
        })
        .await
    }

    /// Closes the index in order, so that the next start need not rebuild it. Nothing else depends on
    /// this: whatever was acknowledged is on disk already.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn close(self) {
        blocking(move || self.0.shared.index.close()).await;
    }

    fn space(&self) -> &Arc<Space> {
        self.0.shared.blobs.space()
    }
}

impl Inner {
    fn stat(&self) -> Result<Stat, Error> {
        let Shared { layout, .. } = &*self.shared;
        let mut stat = Stat {
            uploads: self.uploads.count() as u64,
            ..Stat::default()
        };
        walk::repositories(&layout.repos(), &mut |name| {
            let repo = layout.repo(&name);
            stat.repositories += 1;
            stat.tags += walk::names(&repo.tags(), |_| Some(()))?.len() as u64;
            stat.manifests += walk::digests(&repo.manifests())?.len() as u64;
            Ok(())
        })?;
        for digest in walk::blobs(&layout.blobs())? {
            // One that goes meanwhile is not counted.
            if let Some(size) = self.shared.blobs.size(digest)? {
                stat.blobs += 1;
                stat.blob_bytes += size;
            }
        }
        Ok(stat)
    }
}

fn open(config: Config, disk: Disk) -> Result<Store, Error> {
    let layout = Layout::new(config.root.clone());
    root::refuse_world_writable(layout.root())?;
    let lock = root::lock(&layout, &disk)?;
    let is_new = format::read(&layout)?.is_none();
    format::check(&layout, &disk)?;
    for dir in [
        layout.blobs(),
        layout.repos(),
        layout.uploads(),
        layout.tmp(),
        layout.trash(),
    ] {
        disk.make_dirs(&dir)?;
    }
    root::refuse_case_folding(&layout, &disk)?;
    root::empty_tmp(&layout, &disk)?;
    if !is_new {
        disk.inherit();
    }
    let boot = fs::read_to_string(BOOT_ID)
        .map_err(|source| Error::io("read", Path::new(BOOT_ID), source))?;
    let disk = Arc::new(disk);
    let index = Arc::new(Index::open(layout.index()));
    let space = Arc::new(Space::new(&config, layout.clone()));
    let (clock, grace) = (config.clock.clone(), config.gc_grace);
    let blobs = Blobs::new(Arc::clone(&disk), layout.clone(), space, clock, grace);
    let links = Links::new(
        Arc::clone(&disk),
        layout.clone(),
        Arc::clone(&index),
        blobs.clone(),
    );
    let uploads = Uploads::new(
        Arc::clone(&disk),
        layout.clone(),
        blobs.clone(),
        links.clone(),
        boot.trim(),
    )?;
    let fetches = Fetches::new(fetch::Ground {
        disk: Arc::clone(&disk),
        layout: layout.clone(),
        blobs: blobs.clone(),
        links: links.clone(),
    });
    let shared = Shared {
        config,
        layout,
        disk,
        blobs,
        links,
        index,
        locks: RepoLocks::default(),
        memory: Memory::default(),
    };
    Ok(Store(Arc::new(Inner {
        shared: Arc::new(shared),
        uploads,
        fetches,
        collecting: Arc::default(),
        keeping: Arc::default(),
        reindexing: tokio::sync::Mutex::default(),
        signing: Locks::default(),
        _lock: lock,
    })))
}
