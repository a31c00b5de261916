//! One image of a payload: an image, or a list with its children, and the blobs of all of them.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::client::Client;
use crate::digest::Digest;
use crate::image::{Format, Image, Manifest, Platform, index_of, media_type};
use crate::upstream::{Blob, Upstream};

/// The most of a layer that is unpacked here.
const LARGEST: u64 = 8 << 20;

/// A registry that content is put into.
pub trait Target {
    /// Holds a blob.
    fn take_blob(&self, repository: &str, blob: &Blob);
    /// Holds a manifest under a tag or digest.
    fn take_manifest(&self, repository: &str, reference: &str, manifest: &Manifest);
}

impl Target for Upstream {
    fn take_blob(&self, repository: &str, blob: &Blob) {
        self.put_blob(repository, blob.clone());
    }

    fn take_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) {
        self.put_manifest(repository, reference, manifest);
    }
}

impl Target for Client {
    #[track_caller]
    fn take_blob(&self, repository: &str, blob: &Blob) {
        match blob {
            Blob::Bytes(bytes) => self.push_blob(repository, bytes),
            Blob::Noise(noise) => self.push_noise(repository, noise),
        };
    }

    #[track_caller]
    fn take_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) {
        manifest.put(self, repository, reference).expect(201);
    }
}

/// One image of a payload.
#[derive(Clone, Debug)]
pub struct Component {
    /// What image-references calls it.
    pub name: String,
    /// What image-references points at.
    pub manifest: Manifest,
    /// What the manifest, if it is a list, points at.
    pub children: Vec<Manifest>,
    /// The blobs of all of it.
    pub blobs: Vec<Blob>,
}

impl Component {
    /// A component that is an image.
    pub fn image(name: &str, image: &Image) -> Self {
        Self {
            name: name.to_owned(),
            manifest: image.manifest.clone(),
            children: Vec::new(),
            blobs: blobs(image).collect(),
        }
    }

    /// A component that is a list of images.
    pub fn list(name: &str, format: Format, images: &[(&Image, Platform<'_>)]) -> Self {
        let children: Vec<_> = images
            .iter()
            .map(|(image, platform)| (&image.manifest, *platform))
            .collect();
        Self {
            name: name.to_owned(),
            manifest: index_of(format, &children),
            children: images
                .iter()
                .map(|(image, _)| image.manifest.clone())
                .collect(),
            blobs: images.iter().flat_map(|(image, _)| blobs(image)).collect(),
        }
    }

    /// A component of these layers, bottom first, as they come: gzip, or not what they should be.
    pub fn layers(name: &str, format: Format, architecture: &str, layers: Vec<Vec<u8>>) -> Self {
        Self::image(name, &image_of(format, architecture, layers, &json!({})))
    }

    /// A component whose layers are these blobs, which are not unpacked.
    pub fn opaque(name: &str, layers: &[Blob]) -> Self {
        let digests: Vec<_> = layers.iter().map(Blob::digest).collect();
        let config = configuration("amd64", &json!({ "Labels": { "name": name } }), &digests);
        let mut image = Image::assemble(Format::Docker, config.into(), Vec::new());
        let described = layers.iter().zip(&digests).map(|(layer, digest)| {
            json!({
                "mediaType": media_type::DOCKER_LAYER,
                "digest": digest.as_str(),
                "size": layer.len(),
            })
        });
        image.manifest = image.manifest.with("layers", described.collect());
        Self {
            blobs: layers.iter().cloned().chain(blobs(&image)).collect(),
            ..Self::image(name, &image)
        }
    }

    /// A component with one small layer of its own, and one that all of these have.
    pub fn small(name: &str) -> Self {
        let texts = ["the base of all components", name];
        let image = Image::for_platform(Format::Docker, ("linux", "amd64"), &texts);
        Self::image(name, &image)
    }

    /// What the payload names.
    pub fn digest(&self) -> Digest {
        self.manifest.digest()
    }

    /// All its manifests: the list's children too.
    pub fn digests(&self) -> BTreeSet<Digest> {
        let children = self.children.iter().map(Manifest::digest);
        children.chain([self.digest()]).collect()
    }

    /// The digests of its blobs.
    pub fn blob_digests(&self) -> BTreeSet<Digest> {
        self.blobs.iter().map(Blob::digest).collect()
    }

    /// Puts it there by digest, blobs first.
    #[track_caller]
    pub fn push(&self, target: &impl Target, repository: &str) {
        for blob in &self.blobs {
            target.take_blob(repository, blob);
        }
        for manifest in self.children.iter().chain([&self.manifest]) {
            target.take_manifest(repository, manifest.digest().as_str(), manifest);
        }
    }
}

/// The tag that cosign puts the signatures of a manifest under.
pub fn signature_tag(digest: &Digest) -> String {
    format!("{}.sig", digest.as_str().replace(':', "-"))
}

/// An image of these layers, bottom first, with this in the `config` of its configuration.
pub(super) fn image_of(
    format: Format,
    architecture: &str,
    layers: Vec<Vec<u8>>,
    config: &Value,
) -> Image {
    let diffs: Vec<_> = layers
        .iter()
        .map(|layer| Digest::of(&unpacked(layer)))
        .collect();
    let config = configuration(architecture, config, &diffs);
    let layers = layers.into_iter().map(Into::into).collect();
    Image::assemble(format, config.into(), layers)
}

/// The configuration of an image whose layers, unpacked, have these digests.
fn configuration(architecture: &str, config: &Value, diffs: &[Digest]) -> String {
    let diffs: Vec<_> = diffs.iter().map(Digest::as_str).collect();
    json!({
        "os": "linux",
        "architecture": architecture,
        "created": "2025-01-01T00:00:00Z",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": diffs },
    })
    .to_string()
}

fn blobs(image: &Image) -> impl Iterator<Item = Blob> {
    let layers = image.layers.iter();
    layers.chain([&image.config]).map(Into::into)
}

/// What a layer is when it is unpacked, as far as a test can tell: some are no layers.
fn unpacked(layer: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut reader = GzDecoder::new(layer).take(LARGEST);
    match reader.read_to_end(&mut archive) {
        Ok(_) => archive,
        Err(_) => layer.to_vec(),
    }
}
