//! What is known of one release that is held, and reading its payload.
//!
//! Knows nothing of how it was found. Invariant: its digest is that of what its tag names, a list's where
//! it is one.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_storage::Store;
use roadstead_storage::oci::{Digest, RepoName, Tag};

use super::error::Error;
use super::image::Image;
use crate::openshift::arch::Arch;
use crate::openshift::content::Content;
use crate::openshift::payload::Payload;
use crate::openshift::reference::ReleaseSource;
use crate::openshift::rootfs::payload_of;

/// A release that the store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRelease {
    /// Where the release image lies.
    pub repository: RepoName,
    /// The tag it has there; for one that has none, the one it would have.
    pub tag: Tag,
    /// The release image, which may be a list of them.
    pub digest: Digest,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub arch: Arch,
    /// Where its components lie.
    pub components: RepoName,
    /// Where it came from, as far as anybody knows.
    pub from: ReleaseSource,
}

impl HeldRelease {
    /// Its image; of a list, the one that says what is in the release, which all of them do alike.
    ///
    /// # Errors
    /// When it is gone or damaged.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn image(&self, store: &Store) -> Result<Image, Error> {
        Image::read(&store.repo(&self.repository), self.digest, None).await
    }

    /// Reads what is in it.
    ///
    /// # Errors
    /// When its image is gone or damaged, or no release.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn payload(&self, store: &Store) -> Result<Payload, Error> {
        read_payload(store, &self.repository, &self.image(store).await?).await
    }

    /// What each repository upstream has to be replaced by for this release to come from here.
    pub fn mirrors(&self, payload: &Payload) -> BTreeMap<String, RepoName> {
        let product = ReleaseSource::default();
        let sources = payload.sources();
        let mut mirrors = BTreeMap::new();
        if is_beside(&product, &sources) {
            mirrors.insert(product.to_string(), self.repository.clone());
        }
        mirrors.insert(self.from.to_string(), self.repository.clone());
        // Last: where everything lies in one repository, most of it are components.
        for source in sources {
            mirrors.insert(source, self.components.clone());
        }
        mirrors
    }
}

/// Reads what is in a release image of this repository.
pub(super) async fn read_payload(
    store: &Store,
    repository: &RepoName,
    image: &Image,
) -> Result<Payload, Error> {
    let content = Content::Held(store.repo(repository));
    let read = Box::pin(payload_of(&content, &image.manifest)).await;
    read.map_err(|source| Error::Payload {
        image: image.digest,
        source: Box::new(source),
    })
}

/// Whether components come from the namespace that the vendor's releases are in.
fn is_beside(product: &ReleaseSource, sources: &BTreeSet<String>) -> bool {
    let product = product.to_string();
    let namespace = product.rsplit_once('/').map(|(namespace, _)| namespace);
    let mut namespaces = sources
        .iter()
        .filter_map(|source| source.rsplit_once('/'))
        .map(|(namespace, _)| namespace);
    namespaces.any(|other| Some(other) == namespace)
}
