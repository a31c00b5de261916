//! All sessions of a store: begins them, finds them again, and lets one request have one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tracing::warn;
use uuid::Uuid;

use super::batch::Batch;
use super::ground::Ground;
use super::handle::Upload;
use super::id::UploadId;
use super::session::Session;
use super::state::{Files, State};

use crate::blob::Blobs;
use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::link::Links;
use crate::lock::{Guard, Locks};
use crate::oci::{Algorithm, Digest, Hasher, RepoName};
use crate::pool::blocking;
use crate::record::Principal;
use crate::walk;

/// How many sessions may be open at once.
const MAX_UPLOADS: usize = 10_000;
/// How long a request waits for another one on the same session: long enough for the server to notice
/// that a client has hung up and come back.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// All sessions of a store.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    pub(super) ground: Ground,
    pub(super) locks: Arc<Locks<Uuid>>,
}

impl Uploads {
    pub(crate) fn new(
        disk: Arc<Disk>,
        layout: Layout,
        blobs: Blobs,
        links: Links,
        boot: &str,
    ) -> Result<Self, Error> {
        let open = walk::names(&layout.uploads(), |_| Some(()))?.len();
        let ground = Ground {
            disk,
            layout,
            blobs,
            links,
            boot: boot.into(),
            open: Arc::new(AtomicUsize::new(open)),
        };
        Ok(Self {
            ground,
            locks: Arc::default(),
        })
    }

    /// How many sessions are open.
    pub(crate) fn count(&self) -> usize {
        self.ground.open.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(
        &self,
        repository: &RepoName,
        owner: &Principal,
        algorithm: Algorithm,
    ) -> Result<UploadId, Error> {
        self.ground.blobs.space().check()?;
        if self.ground.open.fetch_add(1, Ordering::Relaxed) >= MAX_UPLOADS {
            self.ground.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::TooManyUploads);
        }
        let id = Uuid::new_v4();
        let state = State {
            repository: repository.clone(),
            owner: owner.clone(),
            boot: self.ground.boot.as_ref().to_owned(),
            offset: 0,
            hash: Hasher::new(algorithm).save(),
            synced: 0,
        };
        let files = Files::new(&self.ground.layout, id);
        let begun = self
            .ground
            .disk
            .make_dir(&files.dir)
            .and_then(|()| self.ground.disk.create(&files.data))
            .and_then(|_| files.save_state(&self.ground.disk, &state));
        if begun.is_err() {
            self.ground.remove(&files);
        }
        begun.map(|()| UploadId(id))
    }

    /// Takes the session for one request.
    pub(crate) async fn resume(
        &self,
        repository: &RepoName,
        id: UploadId,
        owner: &Principal,
    ) -> Result<Upload, Error> {
        let loaded = self.with(repository, id, owner, Ok).await;
        Ok(Upload::new(id, loaded?))
    }

    /// As taking the session, appending the batch and making all of it the blob `expected`, without a way
    /// back to the caller between.
    pub(crate) async fn finish(
        &self,
        repository: &RepoName,
        id: UploadId,
        owner: &Principal,
        batch: Batch,
        expected: Digest,
    ) -> Result<u64, Error> {
        let finish = move |session: Session| session.finish(&batch, expected);
        self.with(repository, id, owner, finish).await
    }

    /// Does something with the session on the blocking pool, as the only one.
    async fn with<T: Send + 'static>(
        &self,
        repository: &RepoName,
        id: UploadId,
        owner: &Principal,
        work: impl FnOnce(Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let guard = tokio::time::timeout(BUSY_WAIT, self.locks.lock(&id.0))
            .await
            .map_err(|_| Error::UploadBusy)?;
        let (uploads, repository, owner) = (self.clone(), repository.clone(), owner.clone());
        blocking(move || work(uploads.load(&repository, id, &owner, guard)?)).await
    }

    fn load(
        self,
        repository: &RepoName,
        id: UploadId,
        owner: &Principal,
        guard: Guard<Uuid>,
    ) -> Result<Session, Error> {
        let files = Files::new(&self.ground.layout, id.0);
        let state = files
            .load(&self.ground.boot)?
            .filter(|state| state.repository == *repository && state.owner == *owner)
            .ok_or(Error::UploadUnknown)?;
        let hash = state.hash.resume().ok_or(Error::UploadUnknown)?;
        let offset = state.offset;
        let length = walk::metadata(&files.data)?.map(|metadata| metadata.len());
        let Some(length) = length.filter(|length| *length >= offset) else {
            // Or they are a blob already, of an end that failed on its last steps.
            warn!(%id, "An upload has lost bytes and is given up");
            self.ground.remove(&files);
            return Err(Error::UploadUnknown);
        };
        let file = self.ground.disk.open_for_writing(&files.data)?;
        if length > offset {
            // Written, but neither hashed into the state nor answered.
            self.ground.cut(&file, &files, offset)?;
        }
        Ok(Session::new(self.ground, files, file, state, hash, guard))
    }

    /// Gives up sessions that nobody has touched since `idle_since`. How many.
    pub(crate) fn collect(&self, idle_since: SystemTime, dry_run: bool) -> Result<u64, Error> {
        let mut given_up = 0;
        for id in walk::names(&self.ground.layout.uploads(), |name| {
            name.parse::<Uuid>().ok()
        })? {
            let files = Files::new(&self.ground.layout, id);
            let Some(_guard) = self.locks.try_lock(&id) else {
                continue;
            };
            if files
                .last_use()?
                .is_some_and(|last_use| last_use < idle_since)
            {
                given_up += 1;
                if !dry_run {
                    self.ground.remove(&files);
                }
            }
        }
        Ok(given_up)
    }
}
