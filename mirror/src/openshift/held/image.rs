//! One image that is held, as far as a release has to be known: its manifest and what it says of itself.
//!
//! Knows nothing of payloads. Invariant: what is read is what its digest says, and no more than a bound.

use std::collections::BTreeMap;

use roadstead_storage::oci::{Digest, Manifest, Reference};
use roadstead_storage::{Repo, Stored};
use serde::Deserialize;
use serde_json::Value;

use super::error::Error;
use crate::openshift::arch::Arch;

/// More than the configuration of any image takes.
const MAX_CONFIG: u64 = 4 << 20;
/// The label that says which release an image is.
const LABEL: &str = "io.openshift.release";
/// The architecture that is chosen from a list where any would do.
const USUAL: &str = "amd64";

/// An image of a repository; of a list, one of its images.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its digest.
    pub digest: Digest,
    /// The list that it was chosen from.
    pub list: Option<Digest>,
    /// What it consists of.
    pub manifest: Manifest,
}

/// What an image says of itself.
#[derive(Debug, Clone)]
pub struct ImageConfig {
    /// All of it.
    pub document: Value,
    /// How long it is in bytes.
    pub size: u64,
    architecture: Option<String>,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Document {
    architecture: Option<String>,
    config: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

impl Image {
    /// The image with this digest; of a list, the one for `architecture`, else for the usual one, else the
    /// first.
    ///
    /// # Errors
    /// [`Error::Gone`] when it or its image is not here, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn read(
        repo: &Repo,
        digest: Digest,
        architecture: Option<&str>,
    ) -> Result<Self, Error> {
        let top = manifest(repo, digest).await?;
        if !top.media_type().is_index() {
            return Ok(Self {
                digest,
                list: None,
                manifest: top,
            });
        }
        let runs_on = |wanted: &str| {
            let mut children = top.children().iter();
            children.find(|child| {
                let platform = child.platform.as_ref();
                platform.is_some_and(|it| it.os == "linux" && it.architecture == wanted)
            })
        };
        let chosen = architecture
            .and_then(runs_on)
            .or_else(|| runs_on(USUAL))
            .or_else(|| top.children().first());
        let chosen = chosen.ok_or_else(|| gone(repo, digest))?.digest;
        Ok(Self {
            digest: chosen,
            list: Some(digest),
            manifest: manifest(repo, chosen).await?,
        })
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// [`Error::Gone`] when that is not here or damaged, [`Error::Config`] when it is none, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn config(&self, repo: &Repo) -> Result<ImageConfig, Error> {
        let Some(descriptor) = self.manifest.blobs().first() else {
            return Err(gone(repo, self.digest));
        };
        let digest = descriptor.digest;
        let blob = repo.blob(digest).await?;
        let blob = blob.filter(|blob| blob.size() <= MAX_CONFIG);
        let blob = blob.ok_or_else(|| gone(repo, digest))?;
        let length = usize::try_from(blob.size()).expect("it was just bounded");
        let bytes = blob.read(0, length).await?;
        if bytes.len() != length || Digest::of(digest.algorithm(), &bytes) != digest {
            return Err(gone(repo, digest));
        }
        let wrong = |source| Error::Config {
            image: self.digest,
            source,
        };
        let document: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
        let typed = Document::deserialize(&document).map_err(wrong)?;
        Ok(ImageConfig {
            document,
            size: blob.size(),
            architecture: typed.architecture,
            labels: typed.config.and_then(|it| it.labels).unwrap_or_default(),
        })
    }
}

impl ImageConfig {
    /// The release that this is the image of.
    pub fn release(&self) -> Option<&str> {
        self.labels.get(LABEL).map(String::as_str)
    }

    /// What it runs on.
    pub fn arch(&self) -> Option<Arch> {
        self.architecture.as_ref()?.parse().ok()
    }
}

/// Reads a manifest of a repository.
pub(super) async fn manifest(repo: &Repo, digest: Digest) -> Result<Manifest, Error> {
    parsed(
        repo,
        digest,
        repo.manifest(&Reference::Digest(digest)).await?,
    )
}

/// As [`manifest`], as it is on the disk now.
pub(super) async fn manifest_on_disk(repo: &Repo, digest: Digest) -> Result<Manifest, Error> {
    parsed(repo, digest, repo.manifest_on_disk(digest).await?)
}

fn parsed(repo: &Repo, digest: Digest, stored: Option<Stored>) -> Result<Manifest, Error> {
    let stored = stored.ok_or_else(|| gone(repo, digest))?;
    let parsed = Manifest::parse(Some(stored.media_type.as_str()), stored.bytes);
    parsed.map_err(|source| Error::Manifest {
        image: digest,
        source,
    })
}

fn gone(repo: &Repo, digest: Digest) -> Error {
    Error::Gone {
        digest,
        repository: repo.name().clone(),
    }
}
