//! What is asked for: one small manifest, one large blob, one small one.

use bytes::Bytes;
use harness::{Client, Digest, Format, Image, Noise};

/// The repository of everything that is there from the beginning.
pub(crate) const REPOSITORY: &str = "bench/app";
/// The tag of its image.
pub(crate) const TAG: &str = "latest";
/// A small blob, in bytes.
pub(crate) const SMALL: u64 = 10 * 1024;

/// The contents, the same for all contestants.
pub(crate) struct Content {
    pub(crate) image: Image,
    pub(crate) large: Noise,
    pub(crate) small: Noise,
}

impl Content {
    pub(crate) fn new(large: u64) -> Self {
        // As many layers as make a manifest of the usual one and a half kilobytes.
        let layers = (1..=8).map(|seed| Noise::new(seed, 1024).bytes());
        let config = Bytes::from_static(b"{\"architecture\":\"amd64\",\"os\":\"linux\"}");
        Self {
            image: Image::assemble(Format::Oci, config, layers.collect()),
            large: Noise::new(100, large),
            small: Noise::new(101, SMALL),
        }
    }

    /// Pushes all of it.
    pub(crate) fn push(&self, client: &Client) {
        self.image.push(client, REPOSITORY, TAG).expect(201);
        client.push_noise(REPOSITORY, &self.large);
        client.push_noise(REPOSITORY, &self.small);
    }

    /// Every path that can be asked for, with what lies there.
    pub(crate) fn files(&self) -> Vec<(String, Bytes)> {
        let manifest = &self.image.manifest.bytes;
        let digest = self.image.digest();
        vec![
            (manifest_path(TAG), manifest.clone()),
            (manifest_path(digest.as_str()), manifest.clone()),
            (blob_path(&self.large.digest()), self.large.bytes()),
            (blob_path(&self.small.digest()), self.small.bytes()),
        ]
    }
}

/// Where a manifest is asked for.
pub(crate) fn manifest_path(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

/// Where a blob is asked for.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("/v2/{REPOSITORY}/blobs/{digest}")
}
