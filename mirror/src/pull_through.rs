//! Pull-through: what a client asks for and the store does not have is fetched while it waits.
//!
//! The store is asked first and this only for the rest; what it gives comes out of the store, or out of
//! a fetch on its way there. A tag that was pulled through before is good for a while, then its upstream
//! is asked whether it still names the same. Whatever keeps an upstream from answering, what is held is
//! given, soon, with a word on how old it is. Invariant: a blob is given only to who asks in a repository
//! whose upstream has it there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use roadstead_storage::oci::{Digest, Reference, RepoName, Tag};
use roadstead_storage::{
    BlobReader, Clock, Error as StoreError, Fetch, FetchReader, Origin, Principal, Put, Repo,
    Store, Stored, TagState,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use crate::client::{Client, Patience};
use crate::copy::BlobCopy;
use crate::error::Error;
use crate::flight::Flights;
use crate::spawn::Spawn;

/// How long an upstream is waited for when what is held would do: a client hears within two seconds.
const REVALIDATION: Duration = Duration::from_millis(1500);
/// How long an upstream that failed is not waited for, when what is held would do.
const DOUBT: Duration = Duration::from_secs(10);

/// Fetches what is missing from one upstream.
#[derive(Debug)]
pub struct PullThrough {
    store: Store,
    client: Client,
    spawn: Spawn,
    clock: Clock,
    tag_max_age: Duration,
    /// Who brought what is fetched, as records and the log have it.
    by: Principal,
    manifests: Flights<(RepoName, Reference), Arrival>,
    confirmations: Flights<(RepoName, Digest), Result<(), Arc<Error>>>,
    doubted_until: Mutex<Option<Instant>>,
}

/// A repository of the store, and what its upstream calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// In the store.
    pub local: RepoName,
    /// At the upstream.
    pub remote: RepoName,
}

/// A manifest that was asked for.
#[derive(Debug, Clone)]
pub struct Given {
    /// The manifest.
    pub stored: Stored,
    /// Set when its tag may name something else by now.
    pub stale: Option<Stale>,
}

/// Why nobody knows whether a tag still names this.
#[derive(Debug, Clone)]
pub struct Stale {
    /// When its upstream last said so.
    pub checked_at: Option<SystemTime>,
    /// What keeps it from saying so now; `None` when it is only slow.
    pub because: Option<Arc<Error>>,
}

/// A blob that was asked for.
#[derive(Debug)]
pub enum Blob {
    /// On its way into the store.
    Arriving(FetchReader),
    /// In the store.
    Held(BlobReader),
}

/// What a flight for a manifest ends with: its digest, and that is in the store then.
type Arrival = Result<Digest, Arc<Error>>;

impl PullThrough {
    /// Pull-through from the upstream of `client` into `store`.
    pub fn new(
        store: Store,
        client: Client,
        spawn: Spawn,
        clock: Clock,
        tag_max_age: Duration,
    ) -> Self {
        let by = Principal::new(format!("upstream {}", client.name()));
        Self {
            store,
            client,
            spawn,
            clock,
            tag_max_age,
            by,
            manifests: Flights::default(),
            confirmations: Flights::default(),
            doubted_until: Mutex::default(),
        }
    }

    /// The manifest that a tag names, fresh if that can be had.
    ///
    /// # Errors
    /// Only when nothing is held under the tag: [`Error::NotFound`], and whatever keeps the upstream from
    /// answering.
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn tag(self: &Arc<Self>, place: &Place, tag: &Tag) -> Result<Given, Arc<Error>> {
        let repo = self.store.repo(&place.local);
        let held = repo.tag(tag).await.map_err(local)?;
        let Some(held) = held else {
            let digest = self
                .fetch_manifest(place, &Reference::Tag(tag.clone()))
                .await?;
            return self.given(&repo, digest, None).await;
        };
        if !self.is_due(&held) {
            return self.given(&repo, held.digest, None).await;
        }
        let reference = Reference::Tag(tag.clone());
        let asked = self.join(place, &reference, Some(held.digest));
        let patience = if self.is_doubted() {
            Duration::ZERO
        } else {
            REVALIDATION
        };
        let because = match timeout(patience, asked).await {
            Ok(Ok(digest)) => return self.given(&repo, digest, None).await,
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let stale = Stale {
            checked_at: held.checked_at.map(Into::into),
            because,
        };
        self.given(&repo, held.digest, Some(stale)).await
    }

    /// A manifest that the store does not have in this repository.
    ///
    /// # Errors
    /// [`Error::NotFound`], and whatever keeps the upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn manifest(
        self: &Arc<Self>,
        place: &Place,
        digest: Digest,
    ) -> Result<Given, Arc<Error>> {
        let repo = self.store.repo(&place.local);
        let digest = self
            .fetch_manifest(place, &Reference::Digest(digest))
            .await?;
        self.given(&repo, digest, None).await
    }

    /// A blob that the store does not have in this repository.
    ///
    /// # Errors
    /// [`Error::NotFound`], and whatever keeps the upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn blob(self: &Arc<Self>, place: &Place, digest: Digest) -> Result<Blob, Arc<Error>> {
        let repo = self.store.repo(&place.local);
        let referred = repo.referred_blob(digest).await.map_err(local)?;
        let size = referred.map(|descriptor| descriptor.size);
        match self.store.fetch(digest).await.map_err(local)? {
            Fetch::Begun(writer) => {
                let reader = writer.reader();
                let (tell, told) = oneshot::channel();
                let copy = BlobCopy {
                    client: self.client.clone(),
                    from: place.remote.clone(),
                    to: place.local.clone(),
                    size,
                };
                info!(upstream = self.client.name(), repo = %place.local, %digest,
                    offset = writer.offset(), "Asking the upstream for a blob that is not here");
                self.spawn
                    .spawn(copy.run(writer, move |contact| drop(tell.send(contact))));
                match told.await {
                    Ok(Ok(())) => Ok(Blob::Arriving(reader)),
                    Ok(Err(error)) => Err(Arc::new(error)),
                    Err(_) => Err(local(StoreError::FetchInterrupted)),
                }
            }
            Fetch::Held => {
                if size.is_none() {
                    self.confirm(place, digest).await?;
                }
                repo.link_confirmed(digest).await.map_err(local)?;
                let held = repo.blob(digest).await.map_err(local)?;
                debug!(repo = %place.local, %digest, "Found a blob in another repository");
                // Collected since: then it is not there any more.
                let held = held.ok_or_else(|| local(StoreError::FetchInterrupted))?;
                Ok(Blob::Held(held))
            }
            Fetch::Joined(reader) => {
                if size.is_none() {
                    self.confirm(place, digest).await?;
                }
                self.link_when_done(repo, reader.clone());
                Ok(Blob::Arriving(reader))
            }
        }
    }

    /// Makes sure that the upstream has a blob in this repository, where nothing here says so.
    async fn confirm(&self, place: &Place, digest: Digest) -> Result<(), Arc<Error>> {
        let key = (place.local.clone(), digest);
        let work = || {
            let (client, remote) = (self.client.clone(), place.remote.clone());
            async move { client.confirm_blob(&remote, digest).await.map_err(Arc::new) }
        };
        let confirmed = self.confirmations.join(&self.spawn, key, work).await;
        confirmed.unwrap_or_else(|| Err(local(StoreError::FetchInterrupted)))
    }

    /// Has a repository hold what another one's fetch brings.
    fn link_when_done(&self, repo: Repo, mut reader: FetchReader) {
        self.spawn.spawn(async move {
            if reader.done().await.is_ok()
                && let Err(error) = repo.link_confirmed(reader.digest()).await
            {
                warn!(repo = %repo.name(), digest = %reader.digest(), %error,
                    "Could not link a blob that another repository fetched");
            }
        });
    }

    async fn given(
        &self,
        repo: &Repo,
        digest: Digest,
        stale: Option<Stale>,
    ) -> Result<Given, Arc<Error>> {
        let stored = repo
            .manifest(&Reference::Digest(digest))
            .await
            .map_err(local)?;
        // Deleted since: then it is not there any more.
        let stored = stored.ok_or_else(|| local(StoreError::FetchInterrupted))?;
        Ok(Given { stored, stale })
    }

    /// Whether the upstream should be asked what a tag names.
    fn is_due(&self, held: &TagState) -> bool {
        if held.origin != Origin::PulledThrough {
            return false;
        }
        let age = held
            .checked_at
            .and_then(|checked| self.clock.now().duration_since(checked.into()).ok());
        age.is_none_or(|age| age >= self.tag_max_age)
    }

    fn is_doubted(&self) -> bool {
        let until = *self
            .doubted_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn doubt(&self, error: Option<&Error>) {
        let until = error
            .filter(|error| error.is_outage())
            .map(|_| Instant::now() + DOUBT);
        *self
            .doubted_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    async fn fetch_manifest(self: &Arc<Self>, place: &Place, reference: &Reference) -> Arrival {
        self.join(place, reference, None).await
    }

    /// Waits until the manifest that the upstream has at present is in the store. `held` is what the tag
    /// named last.
    async fn join(
        self: &Arc<Self>,
        place: &Place,
        reference: &Reference,
        held: Option<Digest>,
    ) -> Arrival {
        let key = (place.local.clone(), reference.clone());
        let work = || {
            let (this, place, reference) = (Arc::clone(self), place.clone(), reference.clone());
            async move {
                let arrival = this.bring_manifest(&place, &reference, held).await;
                this.doubt(arrival.as_ref().err());
                arrival.map_err(Arc::new)
            }
        };
        let arrived = self.manifests.join(&self.spawn, key, work).await;
        arrived.unwrap_or_else(|| Err(local(StoreError::FetchInterrupted)))
    }

    async fn bring_manifest(
        &self,
        place: &Place,
        reference: &Reference,
        held: Option<Digest>,
    ) -> Result<Digest, Error> {
        let repo = self.store.repo(&place.local);
        if let (Some(held), Reference::Tag(tag)) = (held, reference) {
            let told = self
                .client
                .manifest_digest(&place.remote, reference, Patience::Request);
            if told.await? == Some(held) {
                repo.confirm_tag(tag, held).await?;
                return Ok(held);
            }
        }
        info!(upstream = self.client.name(), repo = %place.local, %reference,
            "Asking the upstream for a manifest that is not here");
        let fetched = self
            .client
            .manifest(&place.remote, reference, Patience::Request)
            .await?;
        let tags = match reference {
            Reference::Tag(tag) => vec![tag.clone()],
            Reference::Digest(_) => Vec::new(),
        };
        let put = Put {
            digest: fetched.digest,
            manifest: fetched.manifest,
            tags,
            origin: Origin::PulledThrough,
            by: self.by.clone(),
        };
        repo.put_manifest(put).await?;
        Ok(fetched.digest)
    }
}

fn local(error: StoreError) -> Arc<Error> {
    Arc::new(error.into())
}
