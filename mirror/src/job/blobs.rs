//! Brings the blobs that a job needs, each once, however many images and repositories share them.
//!
//! A blob that a client is having fetched at the same time is waited for. Invariant: no more are on
//! their way at once than leaves connections to clients of ours.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use roadstead_storage::oci::{Digest, RepoName};
use roadstead_storage::{Error as StoreError, Fetch, FetchWriter, Store};
use tokio::sync::{OnceCell, Semaphore};
use tracing::debug;

use super::event::{Event, Watch};
use super::failure::Failure;
use super::image::Need;
use super::remote::Remote;
use crate::copy::BlobCopy;
use crate::error::Error;

/// How many are on their way at once.
const AT_ONCE: usize = 8;
/// How often what ends without its blob is begun again: somebody else's fetch that was given up, or
/// bytes that were mangled on their way.
const ATTEMPTS: usize = 4;

/// The upstream's repository that is asked, and what for.
type Question = (String, RepoName, Digest);
/// What came of it.
type Answer = Arc<OnceCell<Result<(), Failure>>>;

/// The blobs of a job.
#[derive(Debug)]
pub(super) struct Blobs<'a> {
    store: &'a Store,
    watch: &'a Watch,
    asked: Mutex<HashMap<Question, Answer>>,
    permits: Semaphore,
    /// How many bytes of each blob have been told of.
    told: Mutex<HashMap<Digest, u64>>,
    fetched: AtomicU64,
}

impl<'a> Blobs<'a> {
    pub(super) fn new(store: &'a Store, watch: &'a Watch) -> Self {
        Self {
            store,
            watch,
            asked: Mutex::default(),
            permits: Semaphore::new(AT_ONCE),
            told: Mutex::default(),
            fetched: AtomicU64::new(0),
        }
    }

    /// How many bytes have come from upstreams.
    pub(super) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Sees to it that a repository holds a blob.
    ///
    /// # Errors
    /// Whatever keeps the upstream from giving it, and the store from keeping it. What failed once is
    /// not tried again.
    ///
    /// # Cancel safety
    /// Dropped, what has come stays.
    pub(super) async fn ensure(
        &self,
        need: Need,
        remote: &Remote,
        local: &RepoName,
    ) -> Result<(), Failure> {
        let repo = self.store.repo(local);
        if !repo.link_confirmed(need.blob).await? {
            let answer = self.answer(remote, need.blob);
            let fetch = || self.fetch(need, remote, local);
            answer.get_or_init(fetch).await.clone()?;
            if !repo.link_confirmed(need.blob).await? {
                return Err(Failure::Vanished { digest: need.blob });
            }
        }
        if !need.is_here {
            self.tell(need.blob, need.size);
        }
        Ok(())
    }

    fn answer(&self, remote: &Remote, blob: Digest) -> Answer {
        let question = (remote.client.name().to_owned(), remote.repo.clone(), blob);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(asked.entry(question).or_default())
    }

    /// Has the blob come into the store, by whomever.
    async fn fetch(&self, need: Need, remote: &Remote, local: &RepoName) -> Result<(), Failure> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let failed = match self.fetch_once(need, remote, local).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let may_pass = matches!(
                failed,
                Error::Store(
                    StoreError::DigestMismatch { .. }
                        | StoreError::FetchInterrupted
                        | StoreError::FetchedOther
                )
            );
            if left == 0 || !may_pass {
                return Err(failed.into());
            }
            debug!(digest = %need.blob, error = %failed, "Fetching a blob again");
        }
    }

    async fn fetch_once(&self, need: Need, remote: &Remote, local: &RepoName) -> Result<(), Error> {
        let permit = self.permits.acquire().await;
        let _permit = permit.expect("it is never closed");
        match self.store.fetch(need.blob).await? {
            Fetch::Begun(writer) => self.copy(writer, need, remote, local).await,
            Fetch::Held => Ok(()),
            Fetch::Joined(mut reader) => Ok(reader.done().await?),
        }
    }

    async fn copy(
        &self,
        writer: FetchWriter,
        need: Need,
        remote: &Remote,
        local: &RepoName,
    ) -> Result<(), Error> {
        let copy = BlobCopy {
            client: remote.client.clone(),
            from: remote.repo.clone(),
            to: local.clone(),
            size: Some(need.size),
        };
        let counted = AtomicU64::new(writer.offset());
        self.tell(need.blob, writer.offset());
        let came = |offset: u64| {
            let before = counted.swap(offset, Ordering::Relaxed);
            let more = offset.saturating_sub(before);
            self.fetched.fetch_add(more, Ordering::Relaxed);
            self.tell(need.blob, offset);
        };
        copy.bring(writer, &came).await.map(drop)
    }

    /// Tells that so much of a blob is here, as far as that is more than was told before.
    fn tell(&self, blob: Digest, here: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry(blob).or_default();
        let more = here.saturating_sub(*told);
        if more > 0 {
            *told = here;
            self.watch.tell(Event::Bytes(more));
        }
    }
}
