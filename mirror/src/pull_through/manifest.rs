//! Manifests that the store does not have, and tags that may have moved.
//!
//! Invariant: all who want the same manifest at the same time cost one request.

use std::sync::Arc;
use std::time::Duration;

use roadstead_storage::oci::{Digest, Reference, Tag};
use roadstead_storage::{Error as StoreError, Origin, Put, Repo, Stored, TagState};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::arrival::{Arrival, Arrived};
use super::{Given, Place, PullThrough, Stale, cannot_be_kept, local};
use crate::client::{Fetched, Patience};
use crate::companion::is_companion_tag;
use crate::error::Error;
use crate::note::{Cause, How, Note, What};

impl PullThrough {
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
        let reference = Reference::Tag(tag.clone());
        let Some(held) = repo.tag(tag).await.map_err(local)? else {
            return self.missed(&repo, place, &reference, What::Tag).await;
        };
        if !self.is_due(&held) {
            if let Some(given) = self.given(&repo, held.digest, None).await? {
                self.tell_served(What::Tag, How::Hit);
                return Ok(given);
            }
            // Its bytes were damaged, or trimmed a moment ago.
            let reference = Reference::Digest(held.digest);
            let given = self.missed(&repo, place, &reference, What::Tag).await;
            return match given {
                Err(error) if error.is_not_found() && held.origin == Origin::PulledThrough => {
                    let reference = Reference::Tag(tag.clone());
                    self.missed(&repo, place, &reference, What::Tag).await
                }
                given => given,
            };
        }
        let asked = self.join(place, &reference, Some(held.digest), Cause::Revalidation);
        let because = match timeout(self.patience(), asked).await {
            Ok(Ok(arrived)) => {
                let is_same = arrived.digest() == held.digest;
                let how = if is_same { How::Revalidated } else { How::Miss };
                self.tell_served(What::Tag, how);
                let age = Duration::ZERO;
                self.client.notes().tell(Note::Stale { age });
                return self.given_arrived(&repo, arrived).await;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let stale = Stale {
            checked_at: held.checked_at.map(Into::into),
            because,
        };
        let because = stale.because.clone();
        match self.given(&repo, held.digest, Some(stale.clone())).await? {
            Some(given) => {
                self.tell_stale(What::Tag, &stale);
                Ok(given)
            }
            // Nothing is held after all.
            None => Err(because.unwrap_or_else(gone)),
        }
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
        let reference = Reference::Digest(digest);
        self.missed(&repo, place, &reference, What::Manifest).await
    }

    /// Has a manifest fetched that was lost here.
    ///
    /// # Errors
    /// As [`PullThrough::manifest`].
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn repair_manifest(
        self: &Arc<Self>,
        place: &Place,
        digest: Digest,
    ) -> Result<(), Arc<Error>> {
        let reference = Reference::Digest(digest);
        let fetched = self.join(place, &reference, None, Cause::Repair).await;
        fetched.map(drop)
    }

    async fn missed(
        self: &Arc<Self>,
        repo: &Repo,
        place: &Place,
        reference: &Reference,
        what: What,
    ) -> Result<Given, Arc<Error>> {
        let arrived = self.join(place, reference, None, Cause::Miss).await;
        let how = if arrived.is_ok() {
            How::Miss
        } else {
            How::Failed
        };
        self.tell_served(what, how);
        self.given_arrived(repo, arrived?).await
    }

    pub(super) async fn given_arrived(
        &self,
        repo: &Repo,
        arrived: Arrived,
    ) -> Result<Given, Arc<Error>> {
        match arrived {
            Arrived::Kept(digest) => {
                let given = self.given(repo, digest, None).await?;
                given.ok_or_else(gone)
            }
            Arrived::Passing(stored) => Ok(Given {
                stored,
                stale: None,
            }),
        }
    }

    /// The manifest of the store; `None` when it is not there any more.
    async fn given(
        &self,
        repo: &Repo,
        digest: Digest,
        stale: Option<Stale>,
    ) -> Result<Option<Given>, Arc<Error>> {
        let stored = repo.manifest(&Reference::Digest(digest)).await;
        let given = |stored| Given { stored, stale };
        Ok(stored.map_err(local)?.map(given))
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

    /// Waits until the manifest that the upstream has at present is here. `held` is what the tag named
    /// last.
    pub(super) async fn join(
        self: &Arc<Self>,
        place: &Place,
        reference: &Reference,
        held: Option<Digest>,
        cause: Cause,
    ) -> Arrival {
        let key = (place.local.clone(), reference.clone());
        let work = || {
            let (this, place, reference) = (Arc::clone(self), place.clone(), reference.clone());
            async move {
                let arrival = this.bring_manifest(&place, &reference, held, cause).await;
                this.doubt(arrival.as_ref().err());
                arrival.map_err(Arc::new)
            }
        };
        let arrived = self.manifests.join(&self.spawn, key, work).await;
        arrived.unwrap_or_else(|| Err(local(StoreError::FetchInterrupted)))
    }

    async fn bring_manifest(
        self: &Arc<Self>,
        place: &Place,
        reference: &Reference,
        held: Option<Digest>,
        cause: Cause,
    ) -> Result<Arrived, Error> {
        let repo = self.store.repo(&place.local);
        let client = self.client.because(cause);
        if let (Some(held), Reference::Tag(tag)) = (held, reference) {
            debug!(upstream = client.name(), repo = %place.local, %tag,
                "Asking the upstream whether a tag still names the same");
            let told = client.manifest_digest(&place.remote, reference, Patience::Request);
            if told.await? == Some(held) {
                match repo.confirm_tag(tag, held).await.map_err(Error::from) {
                    Err(error) if !cannot_be_kept(&error) => return Err(error),
                    _ => return Ok(Arrived::Kept(held)),
                }
            }
        }
        info!(upstream = client.name(), repo = %place.local, %reference, ?cause,
            "Asking the upstream for a manifest that is not here");
        let fetched = client
            .manifest(&place.remote, reference, Patience::Request)
            .await?;
        let is_companion = match reference {
            Reference::Tag(tag) => is_companion_tag(tag),
            Reference::Digest(_) => fetched.manifest.subject().is_some(),
        };
        let digest = fetched.digest;
        let arrived = self.keep(&repo, reference, fetched).await?;
        if cause != Cause::Companion && !is_companion && matches!(arrived, Arrived::Kept(_)) {
            self.bring_companions(place, digest);
        }
        Ok(arrived)
    }

    async fn keep(
        &self,
        repo: &Repo,
        reference: &Reference,
        fetched: Fetched,
    ) -> Result<Arrived, Error> {
        let tags = match reference {
            Reference::Tag(tag) => vec![tag.clone()],
            Reference::Digest(_) => Vec::new(),
        };
        let passing = Stored::new(
            fetched.digest,
            fetched.manifest.media_type().clone(),
            fetched.manifest.bytes().clone(),
        );
        let put = Put {
            digest: fetched.digest,
            manifest: fetched.manifest,
            tags,
            origin: Origin::PulledThrough,
            by: self.by.clone(),
        };
        let mut kept = repo.put_manifest(put.clone()).await.map_err(Error::from);
        if let Err(error) = &kept
            && self.makes_room(error).await
        {
            kept = repo.put_manifest(put).await.map_err(Error::from);
        }
        match kept {
            Ok(_) => Ok(Arrived::Kept(passing.digest)),
            Err(error) if cannot_be_kept(&error) => {
                let error = &error as &(dyn std::error::Error + 'static);
                warn!(repo = %repo.name(), digest = %passing.digest, error,
                    "Giving a manifest that cannot be kept");
                Ok(Arrived::Passing(passing))
            }
            Err(error) => Err(error),
        }
    }
}

/// What came was deleted since.
fn gone() -> Arc<Error> {
    local(StoreError::FetchInterrupted)
}
