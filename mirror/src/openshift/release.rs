//! One release of another registry: found by its name, and read from the layers of its image.
//!
//! Copies nothing, and believes nothing of it yet: whether it is signed is judged elsewhere. Invariant:
//! all that is told of it has the digest that it is called by.

use std::sync::Arc;

use roadstead_storage::Repo;
use roadstead_storage::oci::{Digest, InvalidTag, Manifest, Reference, Tag};
use serde::Deserialize;
use thiserror::Error;

use super::arch::Arch;
use super::content::Content;
use super::error::ReadError;
use super::layout;
use super::payload::{Component, Payload};
use super::reference::ReleaseRef;
use super::rootfs::{image_of, payload_of};
use crate::client::Client;

/// A release of another registry.
#[derive(Debug, Clone)]
pub struct Release {
    name: ReleaseRef,
    digest: Digest,
    arch: Arch,
    payload: Payload,
}

impl Release {
    /// Finds and reads a release. What `held` has of it is not fetched again.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is no release.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn find(name: ReleaseRef, client: &Client, held: Repo) -> Result<Self, FindError> {
        let remote = Content::Remote {
            client: client.clone(),
            repo: name.source().repository().clone(),
        };
        let found = remote.manifest(name.reference()).await?;
        let (digest, manifest) = found.ok_or_else(|| FindError::NotThere {
            release: name.to_string(),
        })?;
        let here = Content::Held(held);
        let is_here = matches!(here.manifest(&Reference::Digest(digest)).await, Ok(Some(_)));
        let read_here = if is_here {
            read(&here, digest, Arc::clone(&manifest)).await.ok()
        } else {
            None
        };
        // What is here and cannot be read is about to be brought again.
        let (arch, payload) = match read_here {
            Some(read) => read,
            None => read(&remote, digest, manifest).await?,
        };
        Ok(Self {
            name,
            digest,
            arch,
            payload,
        })
    }

    /// What it is at its registry.
    pub fn name(&self) -> &ReleaseRef {
        &self.name
    }

    /// Its digest: a list's, if it is for several architectures.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it is for.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// What it consists of.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The tag of its image here.
    ///
    /// # Errors
    /// When what it calls itself cannot stand in a tag.
    pub fn tag(&self) -> Result<Tag, InvalidTag> {
        layout::release_tag(self.payload.name(), self.arch)
    }

    /// The tag of one of its components here.
    ///
    /// # Errors
    /// As [`Release::tag`].
    pub fn component_tag(&self, component: &Component) -> Result<Tag, InvalidTag> {
        layout::component_tag(self.payload.name(), self.arch, component.name())
    }
}

/// What a release is for, and what it consists of.
async fn read(
    content: &Content,
    digest: Digest,
    manifest: Arc<Manifest>,
) -> Result<(Arch, Payload), FindError> {
    let (arch, image) = image(content, digest, manifest).await?;
    Ok((arch, payload_of(content, &image).await?))
}

/// What a release is for, and the image that its payload is read from.
async fn image(
    content: &Content,
    digest: Digest,
    manifest: Arc<Manifest>,
) -> Result<(Arch, Arc<Manifest>), FindError> {
    let is_list = !manifest.children().is_empty();
    let (digest, image) = image_of(content, digest, manifest, None).await?;
    if is_list {
        return Ok((Arch::Multi, image));
    }
    let config = content.config(&image).await?;
    let config: Config =
        serde_json::from_slice(&config).map_err(|source| FindError::Config { digest, source })?;
    let arch = config.architecture.parse();
    let arch = arch.map_err(|_| FindError::Architecture {
        architecture: config.architecture,
    })?;
    Ok((arch, image))
}

/// The part of an image's configuration that is looked at.
#[derive(Debug, Deserialize)]
struct Config {
    architecture: String,
}

/// Why there is no release to speak of.
#[derive(Debug, Error)]
pub enum FindError {
    /// It is for something that no cluster runs on.
    #[error("it is for {architecture:?}, which releases are not for")]
    Architecture {
        /// What its image says.
        architecture: String,
    },
    /// Its image has no configuration that can be read.
    #[error("read the configuration of {digest}")]
    Config {
        /// The image.
        digest: Digest,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// There is no such release.
    #[error("there is no {release}")]
    NotThere {
        /// What was looked for.
        release: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
