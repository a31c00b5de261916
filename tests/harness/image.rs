//! Tiny images, indexes and referrers, made in code, with their digests known beforehand.
//!
//! Their layers are real tar archives and their configurations real ones, so that podman, docker
//! and containerd can unpack and run with them.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::Client;
use crate::digest::Digest;
use crate::layer;
use crate::response::Response;

/// The media types that images are made of.
pub mod media_type {
    /// An OCI image manifest.
    pub const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// The configuration of an OCI image.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer of an OCI image.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// The OCI type of `{}`.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// A Docker image manifest, version 2 schema 2.
    pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// The configuration of a Docker image.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// A layer of a Docker image.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}

/// The two families of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Docker version 2 schema 2.
    Docker,
    /// OCI image specification.
    Oci,
}

impl Format {
    fn types(self) -> [&'static str; 4] {
        use media_type as mt;
        match self {
            Self::Docker => [
                mt::DOCKER_IMAGE,
                mt::DOCKER_INDEX,
                mt::DOCKER_CONFIG,
                mt::DOCKER_LAYER,
            ],
            Self::Oci => [mt::OCI_IMAGE, mt::OCI_INDEX, mt::OCI_CONFIG, mt::OCI_LAYER],
        }
    }
}

/// Operating system and architecture.
pub type Platform<'a> = (&'a str, &'a str);

/// A manifest: the bytes that are pushed, and the type they are pushed as.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The `Content-Type` of its push.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Manifest {
    /// A manifest of this JSON, whatever it says.
    pub fn of(media_type: &str, document: &Value) -> Self {
        Self {
            media_type: media_type.to_owned(),
            bytes: document.to_string().into(),
        }
    }

    /// Its sha256.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Its sha512.
    pub fn sha512(&self) -> Digest {
        Digest::sha512(&self.bytes)
    }

    /// The descriptor that an index or a subject names it by.
    pub fn descriptor(&self) -> Value {
        descriptor(&self.media_type, &self.bytes)
    }

    /// Its JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a manifest made here is JSON")
    }

    /// The same manifest with one member of its JSON set.
    #[must_use]
    pub fn with(&self, member: &str, value: Value) -> Self {
        let mut document = self.json();
        document[member] = value;
        Self::of(&self.media_type, &document)
    }

    /// Pushes it under a tag or digest and returns the answer, whatever it is.
    pub fn put(&self, client: &Client, repository: &str, reference: &str) -> Response {
        client
            .request(
                http::Method::PUT,
                format!("/v2/{repository}/manifests/{reference}"),
            )
            .header("content-type", &self.media_type)
            .body(&self.bytes)
            .send()
    }
}

/// An image: a manifest and the blobs it names.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest.
    pub manifest: Manifest,
    /// The configuration.
    pub config: Bytes,
    /// The layers, bottom first.
    pub layers: Vec<Bytes>,
}

impl Image {
    /// An image for linux/amd64 with one small layer that holds this text.
    pub fn new(format: Format, text: &str) -> Self {
        Self::for_platform(format, ("linux", "amd64"), &[text])
    }

    /// An image with one small layer per text.
    pub fn for_platform(format: Format, (os, architecture): Platform<'_>, texts: &[&str]) -> Self {
        let archives: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(n, text)| layer::archive(&[(&format!("layer-{n}"), text.as_bytes())]))
            .collect();
        let diffs: Vec<_> = archives
            .iter()
            .map(|tar| Digest::of(tar).to_string())
            .collect();
        let layers = archives.iter().map(|tar| layer::gzip(tar).into()).collect();
        let config = json!({
            "os": os,
            "architecture": architecture,
            "config": { "Cmd": ["/bin/true"] },
            "rootfs": { "type": "layers", "diff_ids": diffs },
            "history": texts.iter().map(|_| json!({ "created_by": "made by a test" })).collect::<Vec<_>>(),
        });
        Self::assemble(format, config.to_string().into(), layers)
    }

    /// An image of these very blobs.
    pub fn assemble(format: Format, config: Bytes, layers: Vec<Bytes>) -> Self {
        let [image, _, config_type, layer_type] = format.types();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": image,
            "config": descriptor(config_type, &config),
            "layers": layers.iter().map(|layer| descriptor(layer_type, layer)).collect::<Vec<_>>(),
        });
        Self {
            manifest: Manifest::of(image, &manifest),
            config,
            layers,
        }
    }

    /// An OCI artifact of this type that refers to a subject, with a line of text in its layer.
    pub fn referrer(subject: &Manifest, artifact_type: &str, text: &str) -> Self {
        let config = Bytes::from_static(b"{}");
        let layer = Bytes::from(text.to_owned());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_IMAGE,
            "artifactType": artifact_type,
            "config": descriptor(media_type::OCI_EMPTY, &config),
            "layers": [descriptor("text/plain", &layer)],
            "subject": subject.descriptor(),
            "annotations": { "org.example.text": text },
        });
        let manifest = Manifest::of(media_type::OCI_IMAGE, &manifest);
        Self {
            manifest,
            config,
            layers: vec![layer],
        }
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> Digest {
        self.manifest.digest()
    }

    /// Pushes its blobs.
    #[track_caller]
    pub fn push_blobs(&self, client: &Client, repository: &str) {
        client.push_blob(repository, &self.config);
        for layer in &self.layers {
            client.push_blob(repository, layer);
        }
    }

    /// Pushes its blobs, then its manifest under this tag or digest.
    #[track_caller]
    pub fn push(&self, client: &Client, repository: &str, reference: &str) -> Response {
        self.push_blobs(client, repository);
        self.manifest.put(client, repository, reference).expect(201)
    }
}

/// An index of these manifests.
pub fn index_of(format: Format, children: &[(&Manifest, Platform<'_>)]) -> Manifest {
    let [_, index, ..] = format.types();
    let entries: Vec<_> = children
        .iter()
        .map(|(manifest, (os, architecture))| {
            let mut entry = manifest.descriptor();
            entry["platform"] = json!({ "os": os, "architecture": architecture });
            entry
        })
        .collect();
    Manifest::of(
        index,
        &json!({ "schemaVersion": 2, "mediaType": index, "manifests": entries }),
    )
}

/// A descriptor of these bytes.
fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes).as_str(), "size": bytes.len() })
}
