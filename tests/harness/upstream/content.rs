//! What an upstream has: repositories of manifests, tags and blobs.
//!
//! Nothing is checked, so that a test can also hold what no registry would take.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::content::Noise;
use crate::digest::Digest;
use crate::image::{Manifest, media_type};

/// Bytes at hand, or made as they are sent.
#[derive(Clone, Debug)]
pub enum Blob {
    /// At hand.
    Bytes(Bytes),
    /// Made as they are sent.
    Noise(Noise),
}

/// All repositories.
#[derive(Default)]
pub(super) struct Content(BTreeMap<String, Repository>);

/// One repository.
#[derive(Default)]
pub(super) struct Repository {
    pub(super) blobs: BTreeMap<String, Blob>,
    manifests: BTreeMap<String, Manifest>,
    tags: BTreeMap<String, Digest>,
}

impl Blob {
    /// How many bytes these are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Noise(noise) => noise.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their sha256.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::of(bytes),
            Self::Noise(noise) => noise.digest(),
        }
    }

    /// All of them at once.
    pub(super) fn whole(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Noise(noise) => noise.bytes(),
        }
    }

    /// The bytes from `from` up to and without `to`, piece by piece.
    pub(super) fn part(&self, from: u64, to: u64) -> impl Iterator<Item = Bytes> + use<> {
        let pieces: Box<dyn Iterator<Item = Bytes>> = match self {
            Self::Bytes(bytes) => Box::new(std::iter::once(bytes.clone())),
            Self::Noise(noise) => Box::new(noise.chunks()),
        };
        let within = |place: u64, length: usize| {
            usize::try_from(place).map_or(length, |place| place.min(length))
        };
        let mut begin = 0;
        pieces.filter_map(move |piece| {
            let length = piece.len();
            let part = within(from.saturating_sub(begin), length)
                ..within(to.saturating_sub(begin), length);
            begin += length as u64;
            (!part.is_empty()).then(|| piece.slice(part))
        })
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Bytes> for Blob {
    fn from(bytes: &Bytes) -> Self {
        bytes.clone().into()
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        text.as_bytes().to_vec().into()
    }
}

impl From<Noise> for Blob {
    fn from(noise: Noise) -> Self {
        Self::Noise(noise)
    }
}

impl Content {
    pub(super) fn repository(&self, name: &str) -> Option<&Repository> {
        self.0.get(name)
    }

    pub(super) fn repository_mut(&mut self, name: &str) -> &mut Repository {
        self.0.entry(name.to_owned()).or_default()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

impl Repository {
    /// Holds a manifest under its digest, or the one it is asked for by, and under a tag.
    pub(super) fn put(&mut self, reference: &str, manifest: &Manifest) {
        let digest = if reference.contains(':') {
            Digest::verbatim(reference)
        } else {
            let digest = manifest.digest();
            self.tags.insert(reference.to_owned(), digest.clone());
            digest
        };
        self.manifests
            .insert(digest.as_str().to_owned(), manifest.clone());
    }

    /// Forgets a tag, or a manifest and the tags that name it.
    pub(super) fn remove(&mut self, reference: &str) {
        self.tags.remove(reference);
        self.manifests.remove(reference);
        self.tags.retain(|_, digest| digest.as_str() != reference);
    }

    /// A manifest and the digest that it is held under.
    pub(super) fn manifest(&self, reference: &str) -> Option<(&str, &Manifest)> {
        let digest = self.tags.get(reference).map_or(reference, Digest::as_str);
        let (digest, manifest) = self.manifests.get_key_value(digest)?;
        Some((digest, manifest))
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.keys().map(String::as_str)
    }

    /// The index of all that refers to a manifest.
    pub(super) fn referrers(&self, subject: &str) -> Value {
        let refers = |manifest: &&Manifest| {
            let document: Option<Value> = serde_json::from_slice(&manifest.bytes).ok();
            document.is_some_and(|document| document["subject"]["digest"] == subject)
        };
        let referrers = self.manifests.values().filter(refers);
        let descriptors = referrers.map(|manifest| {
            let mut descriptor = manifest.descriptor();
            for member in ["artifactType", "annotations"] {
                let value = &manifest.json()[member];
                if !value.is_null() {
                    descriptor[member] = value.clone();
                }
            }
            descriptor
        });
        json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": descriptors.collect::<Vec<_>>(),
        })
    }
}
