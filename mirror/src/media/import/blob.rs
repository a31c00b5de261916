//! The blobs of an import, each read once however many images need it.
//!
//! A blob goes through the store's own fetch: hashed as it comes, and gone on with where an earlier
//! import was stopped. Invariant: bytes that are not what their name says become no blob.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::future::join;
use roadstead_storage::oci::{Digest, RepoName};
use roadstead_storage::{Error as StoreError, Fetch, FetchWriter, Store};
use tracing::debug;

use super::Need;
use crate::job::{Event, Watch};
use crate::media::failure::Failure;
use crate::media::survey::{Place, Survey};
use crate::media::tree::{LONGEST, Tree};

/// How often what ends without its blob is begun again: somebody else's fetch that was given up, or
/// what an earlier one left and was wrong.
const ATTEMPTS: usize = 4;

/// The blobs of an import.
pub(super) struct Blobs<'a, T> {
    store: &'a Store,
    tree: &'a T,
    survey: &'a Survey,
    watch: &'a Watch,
    /// What cannot be had, and why: it is not read again.
    bad: Mutex<HashMap<Digest, Failure>>,
    /// What was told of.
    told: Mutex<HashSet<Digest>>,
    read: AtomicU64,
}

impl<'a, T: Tree> Blobs<'a, T> {
    pub(super) fn new(store: &'a Store, tree: &'a T, survey: &'a Survey, watch: &'a Watch) -> Self {
        Self {
            store,
            tree,
            survey,
            watch,
            bad: Mutex::default(),
            told: Mutex::default(),
            read: AtomicU64::new(0),
        }
    }

    /// How many bytes were read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Sees to it that a repository holds a blob.
    pub(super) async fn ensure(&self, need: Need, local: &RepoName) -> Result<(), Failure> {
        let repo = self.store.repo(local);
        if repo.link_confirmed(need.blob).await? {
            self.tell(need);
            return Ok(());
        }
        if let Some(failure) = self.known(need.blob) {
            return Err(failure);
        }
        if let Err(failure) = self.fetch(need, local).await {
            let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
            bad.insert(need.blob, failure.clone());
            return Err(failure);
        }
        if !repo.link_confirmed(need.blob).await? {
            return Err(Failure::Vanished { digest: need.blob });
        }
        self.tell(need);
        Ok(())
    }

    fn known(&self, blob: Digest) -> Option<Failure> {
        let bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        bad.get(&blob).cloned()
    }

    async fn fetch(&self, need: Need, local: &RepoName) -> Result<(), Failure> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let failed = match self.store.fetch(need.blob).await? {
                Fetch::Held => return Ok(()),
                Fetch::Joined(mut reader) => match reader.done().await {
                    Ok(()) => return Ok(()),
                    Err(error) => (error, None),
                },
                Fetch::Begun(writer) => {
                    let place = self.survey.place_of(need.blob, need.size)?;
                    let went_on = writer.offset() > 0;
                    match self.pour(writer, place, need, local).await? {
                        Ok(()) => return Ok(()),
                        Err(error) => (error, (!went_on).then(|| place.path.clone())),
                    }
                }
            };
            match failed {
                (StoreError::DigestMismatch { .. }, Some(path)) => {
                    return Err(Failure::Damaged { path });
                }
                (error, _) if left == 0 || !may_pass(&error) => return Err(error.into()),
                (error, _) => debug!(digest = %need.blob, %error, "Reading a blob again"),
            }
        }
    }

    /// Reads the rest of a blob, and makes it one. The inner failure is what it was at its end.
    async fn pour(
        &self,
        mut writer: FetchWriter,
        place: &Place,
        need: Need,
        local: &RepoName,
    ) -> Result<Result<(), StoreError>, Failure> {
        writer.announce(need.size);
        writer.reserve(need.size).await?;
        let mut offset = writer.offset();
        let mut piece = self.tree.read(&place.path, offset, LONGEST).await?;
        while !piece.is_empty() && offset < need.size {
            offset += piece.len() as u64;
            if offset > need.size {
                break;
            }
            let length = piece.len() as u64;
            self.read.fetch_add(length, Ordering::Relaxed);
            // The next piece is read while this one is written.
            let next = self.tree.read(&place.path, offset, LONGEST);
            let (written, next) = join(writer.append(piece), next).await;
            written?;
            piece = next?;
        }
        if offset != need.size {
            writer.discard().await;
            return Err(Failure::Size {
                path: place.path.clone(),
                size: offset,
                expected: need.size,
            });
        }
        Ok(writer.commit(local).await.map(drop))
    }

    /// Tells of a blob that is here now and was not.
    fn tell(&self, need: Need) {
        if need.is_here {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(need.blob) {
            self.watch.tell(Event::Bytes(need.size));
        }
    }
}

fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DigestMismatch { .. } | StoreError::FetchInterrupted | StoreError::FetchedOther
    )
}
