//! The releases that are held, as documents speak of them.
//!
//! Invariant: each release image stands once, whichever names it was asked for by.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roadstead_mirror::openshift::Payload;
use roadstead_mirror::openshift::held::{self, HeldRef, HeldRelease};
use roadstead_storage::Store;
use roadstead_storage::oci::Digest;

use super::error::Error;
use crate::cluster::facts::Release;

/// A release that is held, what it says of itself, and what documents say of it.
pub(super) struct Held {
    pub(super) release: HeldRelease,
    pub(super) payload: Payload,
    pub(super) facts: Release,
}

/// All releases; those of these names, or all if there are none, are asked for.
pub(super) async fn find(store: &Store, named: &[HeldRef]) -> Result<Vec<Held>, Error> {
    let mut all = held::releases(store).await?;
    let mut asked: BTreeSet<Digest> = BTreeSet::new();
    for name in named {
        let found = held::resolve(store, name).await;
        let found = found.map_err(|source| Error::Held {
            release: name.to_string(),
            source,
        })?;
        asked.insert(found.digest);
        // One without a tag is none of all.
        if !all.iter().any(|release| release.digest == found.digest) {
            all.push(found);
        }
    }
    let mut releases = Vec::with_capacity(all.len());
    for release in all {
        let is_asked = named.is_empty() || asked.contains(&release.digest);
        releases.push(read(store, release, is_asked).await?);
    }
    Ok(releases)
}

async fn read(store: &Store, release: HeldRelease, is_asked: bool) -> Result<Held, Error> {
    let payload = release.payload(store).await;
    let payload = payload.map_err(|source| Error::Held {
        release: release.tag.to_string(),
        source,
    })?;
    let signatures = store.signatures(release.digest).await?;
    let facts = Release {
        version: release.version.clone(),
        arch: release.arch.to_string(),
        digest: release.digest,
        from: release.from.to_string(),
        mirrors: release.mirrors(&payload),
        signatures: signatures.iter().map(|it| STANDARD.encode(it)).collect(),
        is_asked,
    };
    Ok(Held {
        release,
        payload,
        facts,
    })
}
