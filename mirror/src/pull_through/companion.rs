//! What belongs to a manifest and comes along with it: its referrers and signatures.
//!
//! They are fetched when nobody waits for them, so that a cluster that checks signatures can do so on
//! the day its upstream is down: what refers to the manifest, and what lies under the tags that are made
//! from its digest. Invariant: what fails here fails quietly, and is fetched when it is asked for.

use std::sync::Arc;

use roadstead_storage::oci::{Descriptor, Digest, Manifest, Reference, Tag};
use tracing::debug;

use super::{Place, PullThrough};
use crate::client::Patience;
use crate::companion::companion_tags;
use crate::error::Error;
use crate::note::Cause;

/// What the content of a companion may take to be fetched before it is asked for, in bytes.
const MAX_SIZE: u64 = 16 << 20;
/// How many referrers of one manifest come along.
const MOST: usize = 64;

impl PullThrough {
    /// Has what belongs to a manifest fetched.
    pub(super) fn bring_companions(self: &Arc<Self>, place: &Place, subject: Digest) {
        let (this, place) = (Arc::clone(self), place.clone());
        self.spawn.spawn(async move {
            let client = this.client.because(Cause::Companion);
            let asked = client
                .referrers(&place.remote, subject, Patience::Request)
                .await;
            let referrers = match asked {
                Ok(referrers) => referrers,
                Err(error) => return quiet(&place, &error),
            };
            this.bring_each(&place, referrers).await;
            for tag in companion_tags(&subject) {
                if let Err(error) = this.bring_tag(&place, tag).await {
                    quiet(&place, &error);
                    if error.is_outage() {
                        return;
                    }
                }
            }
        });
    }

    /// Has these referrers fetched.
    pub(super) fn bring_referrers(self: &Arc<Self>, place: &Place, referrers: Vec<Descriptor>) {
        let (this, place) = (Arc::clone(self), place.clone());
        self.spawn
            .spawn(async move { this.bring_each(&place, referrers).await });
    }

    async fn bring_each(self: &Arc<Self>, place: &Place, referrers: Vec<Descriptor>) {
        for referrer in referrers.into_iter().take(MOST) {
            let reference = Reference::Digest(referrer.digest);
            if let Err(error) = self.bring_whole(place, &reference).await {
                quiet(place, &error);
                if error.is_outage() {
                    return;
                }
            }
        }
    }

    /// Fetches what a tag names, if there is such a tag: HEAD costs less than a pull that finds nothing.
    async fn bring_tag(self: &Arc<Self>, place: &Place, tag: Tag) -> Result<(), Arc<Error>> {
        let reference = Reference::Tag(tag);
        let client = self.client.because(Cause::Companion);
        let told = client.manifest_digest(&place.remote, &reference, Patience::Request);
        match told.await {
            Ok(_) => self.bring_whole(place, &reference).await,
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(Arc::new(error)),
        }
    }

    /// Fetches a manifest and what it needs, if that is small.
    async fn bring_whole(
        self: &Arc<Self>,
        place: &Place,
        reference: &Reference,
    ) -> Result<(), Arc<Error>> {
        let repo = self.store.repo(&place.local);
        if repo
            .manifest_record(reference)
            .await
            .map_err(super::local)?
            .is_some()
        {
            return Ok(());
        }
        let arrived = self.join(place, reference, None, Cause::Companion).await?;
        let given = self.given_arrived(&repo, arrived).await?;
        let stored = given.stored;
        let media_type = Some(stored.media_type.as_str());
        let Ok(manifest) = Manifest::parse(media_type, stored.bytes) else {
            return Ok(());
        };
        let needed: Vec<_> = manifest.blobs().to_vec();
        if needed.iter().map(|blob| blob.size).sum::<u64>() > MAX_SIZE {
            return Ok(());
        }
        for blob in needed {
            if repo
                .blob_size(blob.digest)
                .await
                .map_err(super::local)?
                .is_none()
            {
                // Dropped, it goes on.
                self.blob_because(place, blob.digest, Cause::Companion)
                    .await
                    .map(drop)?;
            }
        }
        Ok(())
    }
}

fn quiet(place: &Place, error: &Error) {
    debug!(repo = %place.local, %error, "Something that belongs to a manifest did not come along");
}
