//! What the disk damaged is had from the upstream again: nobody has to know that it was gone.

use std::fs;
use std::path::PathBuf;

use harness::{Client, Digest, Format, Image, Registry, Upstream};

use super::registry;

const REPO: &str = "up.example/a/b";

/// An upstream with an image, and a registry that holds it by now.
fn holding() -> (Upstream, Image, Registry) {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "soon damaged");
    upstream.put("a/b", "1", &image);
    upstream.put("a/b", image.digest().as_str(), &image);
    let registry = registry(&upstream, "");
    pull(&registry.plain(), &image);
    (upstream, image, registry)
}

/// Asks for a manifest by its digest and for its layers, as a client that knows the tag already.
fn pull(client: &Client, image: &Image) {
    let digest = image.digest();
    let manifest = client.manifest(REPO, digest.as_str()).expect(200);
    assert_eq!(manifest.body, image.manifest.bytes);
    for layer in &image.layers {
        let blob = client.blob(REPO, &Digest::of(layer)).expect(200);
        assert_eq!(blob.body, layer);
    }
    client.manifest(REPO, "1").expect(200);
}

/// Flips a bit in the file of a blob or manifest.
fn damage(registry: &Registry, digest: &Digest) {
    let hex = digest.hex();
    let file: PathBuf = ["blobs/sha256", &hex[..2], hex].iter().collect();
    let file = registry.data().join(file);
    let mut bytes = fs::read(&file).expect("a blob is a file");
    bytes[3] ^= 0x10;
    fs::write(&file, bytes).expect("can be written");
}

#[test]
fn a_damaged_manifest_comes_again_before_anybody_has_scrubbed() {
    let (_upstream, image, mut registry) = holding();
    damage(&registry, &image.digest());
    // What was asked for of late is at hand, whatever becomes of the disk, until the registry is restarted.
    pull(&registry.plain(), &image);
    registry.restart();
    pull(&registry.plain(), &image);
    registry.command(&["store", "scrub"], "").ok();
    registry.finish().no_uploads();
}

#[test]
fn what_a_scrub_set_aside_comes_again_when_somebody_asks() {
    let (_upstream, image, registry) = holding();
    damage(&registry, &image.digest());
    damage(&registry, &Digest::of(&image.layers[0]));
    let outcome = registry.command(&["store", "scrub"], "");
    assert_eq!(outcome.code, Some(2), "{outcome}");
    pull(&registry.plain(), &image);
    registry.command(&["store", "scrub"], "").ok();
    registry.finish().no_uploads();
}
