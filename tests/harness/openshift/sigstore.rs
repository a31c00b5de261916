//! Signatures as cosign makes them: an image beside the one it is about, which nodes look for when their
//! policy says so.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::json;

use super::component::{Target, signature_tag};
use crate::digest::Digest;
use crate::image::{Image, Manifest, media_type};
use crate::upstream::Blob;

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// A key that signs images.
pub struct SigstoreKey {
    pair: EcdsaKeyPair,
    public: String,
}

impl SigstoreKey {
    /// A new one.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &key.serialize_der());
        let text = STANDARD.encode(key.subject_public_key_info());
        Self {
            pair: pair.expect("a key of this kind"),
            public: format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"),
        }
    }

    /// Its public part, in PEM.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Signs the image of this digest, which is called so (`quay.io/team/app`), and puts the signature
    /// beside it.
    #[track_caller]
    pub fn sign(&self, target: &impl Target, repository: &str, name: &str, digest: &Digest) {
        let signature = self.signature(name, digest);
        for blob in signature.layers.iter().chain([&signature.config]) {
            target.take_blob(repository, &Blob::from(blob));
        }
        target.take_manifest(repository, &signature_tag(digest), &signature.manifest);
    }

    /// The signature of an image.
    fn signature(&self, name: &str, digest: &Digest) -> Image {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": name },
                "image": { "docker-manifest-digest": digest.as_str() },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        let payload = Bytes::from(payload.to_string());
        let signature = self.pair.sign(&SystemRandom::new(), &payload);
        let signature = STANDARD.encode(signature.expect("a signature"));
        let config = json!({
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [Digest::of(&payload).as_str()] },
        });
        let config = Bytes::from(config.to_string());
        let descriptor = |kind: &str, bytes: &Bytes| {
            let digest = Digest::of(bytes);
            json!({ "mediaType": kind, "digest": digest.as_str(), "size": bytes.len() })
        };
        let mut layer = descriptor(PAYLOAD, &payload);
        layer["annotations"] = json!({ ANNOTATION: signature });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_IMAGE,
            "config": descriptor(media_type::OCI_CONFIG, &config),
            "layers": [layer],
        });
        Image {
            manifest: Manifest::of(media_type::OCI_IMAGE, &manifest),
            config,
            layers: vec![payload],
        }
    }
}

impl Default for SigstoreKey {
    fn default() -> Self {
        Self::new()
    }
}
