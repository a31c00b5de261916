//! The samples of releases: which streams there are, and what of them is here.
//!
//! Owns what is remembered of samples that were copied: only of them clusters are told. Knows nothing of
//! commands. Invariant: a stream is complete when every image that it needs is here, under the name by
//! which a cluster will ask for it.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_mirror::openshift::{
    Arch, Content, InvalidSamples, ReadError, Streams, image_of, sample_place,
};
use roadstead_storage::oci::{Digest, Reference, RepoName};
use roadstead_storage::{Error as StoreError, Store};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tracing::warn;

use crate::jobs::release::{Believed, Seeker};
use crate::upstreams::Unusable;

/// Under which subject the store keeps notes of samples.
const SUBJECT: &str = "samples";
/// The component whose image has the streams.
pub(crate) const OPERATOR: &str = "cluster-samples-operator";

/// The samples of one release, or of one cluster's config map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Samples {
    /// What stands before their names here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    /// The images that each stream needs, as it names them.
    pub(crate) streams: BTreeMap<String, BTreeSet<String>>,
}

/// How a stream of samples stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamState {
    /// Its name.
    pub(crate) name: String,
    /// How many images it needs.
    pub(crate) images: usize,
    /// Those of them that are not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<String>,
}

impl Samples {
    /// These streams, to lie below a name here, if there is one.
    pub(crate) fn new(streams: &Streams, prefix: Option<&RepoName>) -> Self {
        let streams = streams.iter();
        Self {
            prefix: prefix.map(ToString::to_string),
            streams: streams
                .map(|(name, images)| (name.to_owned(), images.clone()))
                .collect(),
        }
    }

    /// Those of these names alone.
    ///
    /// # Errors
    /// The first name that no stream has.
    pub(crate) fn only(mut self, names: &[String]) -> Result<Self, String> {
        if let Some(unknown) = names.iter().find(|name| !self.streams.contains_key(*name)) {
            return Err(unknown.clone());
        }
        self.streams.retain(|name, _| names.contains(name));
        Ok(self)
    }

    /// What stands before their names here.
    pub(crate) fn prefix(&self) -> Option<RepoName> {
        self.prefix.as_ref()?.parse().ok()
    }

    /// All images, each once.
    pub(crate) fn images(&self) -> BTreeSet<&str> {
        let images = self.streams.values().flatten();
        images.map(String::as_str).collect()
    }

    /// How the streams stand.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn states(&self, store: &Store) -> Result<Vec<StreamState>, StoreError> {
        let mut states = Vec::with_capacity(self.streams.len());
        for (name, images) in &self.streams {
            let mut missing = Vec::new();
            for image in images {
                let is_here = match sample_place(image, self.prefix().as_ref()) {
                    Ok((repository, tag)) => store.repo(&repository).tag(&tag).await?.is_some(),
                    Err(_) => false,
                };
                if !is_here {
                    missing.push(image.clone());
                }
            }
            states.push(StreamState {
                name: name.clone(),
                images: images.len(),
                missing,
            });
        }
        Ok(states)
    }

    /// Remembers that clusters are to be told of these.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// They are remembered or not.
    pub(crate) async fn keep(&self, store: &Store, name: &str) -> Result<(), StoreError> {
        let note = serde_json::to_vec(self).expect("texts by texts");
        store.keep_note(SUBJECT, name, note).await
    }
}

/// All samples that are remembered, by what they are of: a release, or a cluster's config map.
///
/// # Errors
/// The store's.
///
/// # Cancel safety
/// Reads only.
pub(crate) async fn kept(store: &Store) -> Result<BTreeMap<String, Samples>, StoreError> {
    let mut all = BTreeMap::new();
    for name in store.notes(SUBJECT).await? {
        let Some(note) = store.note(SUBJECT, &name).await? else {
            continue;
        };
        match serde_json::from_slice(&note) {
            Ok(samples) => drop(all.insert(name, samples)),
            Err(error) => warn!(name, %error, "Passing over a note of samples that cannot be read"),
        }
    }
    Ok(all)
}

/// The streams of a release, from its own operator's image: from here, if that is here.
///
/// # Errors
/// When the image cannot be had or read.
///
/// # Cancel safety
/// Nothing is changed.
pub(crate) async fn of_release(
    seeker: Seeker<'_>,
    believed: &Believed,
    arch: Option<Arch>,
) -> Result<Streams, Error> {
    let arch = arch.unwrap_or(believed.arch());
    let component = believed.payload().component(OPERATOR);
    let image = component.ok_or(Error::NoOperator)?.image();
    let here = Content::Held(seeker.store.repo(&believed.layout.components));
    // What is here and cannot be read is about to be brought again.
    if let Ok(streams) = read(&here, image.digest(), arch).await {
        return Ok(streams);
    }
    let (upstreams, login) = (seeker.upstreams.clone(), seeker.login.clone());
    let registry = image.registry().to_owned();
    let remote = spawn_blocking(move || upstreams.remote(&registry, &login)).await??;
    let there = Content::Remote {
        client: remote.client,
        repo: image.repository().clone(),
    };
    read(&there, image.digest(), arch).await
}

/// Reads the streams from the operator's image.
async fn read(content: &Content, digest: Digest, arch: Arch) -> Result<Streams, Error> {
    let found = content.manifest(&Reference::Digest(digest)).await?;
    let (digest, manifest) = found.ok_or(Error::NoOperator)?;
    let architecture = match arch {
        Arch::Multi => None,
        arch => Some(arch.of_images()),
    };
    // An operator that is not for this architecture has the streams for it all the same.
    let image = match image_of(content, digest, manifest.clone(), architecture).await {
        Err(ReadError::NotAnImage) => image_of(content, digest, manifest, None).await,
        image => image,
    };
    let (_, image) = image?;
    Ok(Streams::of_operator(content, &image, arch).await?)
}

/// Why it is not known which samples there are.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The release has no operator for samples, or its image is not there.
    #[error("the release has no {OPERATOR} that is there")]
    NoOperator,
    /// A fault of this program.
    #[error("the work ended by a fault of this program")]
    Panicked(#[from] JoinError),
    /// The operator's image cannot be had.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What it has is no streams.
    #[error(transparent)]
    Samples(#[from] InvalidSamples),
    /// Its registry cannot be used.
    #[error(transparent)]
    Upstream(#[from] Unusable),
}
