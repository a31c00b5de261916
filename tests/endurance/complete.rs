//! No dangling reference: every image that a data directory holds has its blobs.

use std::path::Path;

use harness::{Digest, Truth};
use serde_json::Value;

/// Insists that each repository may serve what its manifests name.
#[track_caller]
pub(crate) fn check(truth: &Truth, data: &Path) {
    for (name, holding) in &truth.repositories {
        for manifest in holding.manifests.keys() {
            let (hex, algorithm) = (manifest.hex(), manifest.algorithm());
            let path = data.join("blobs").join(algorithm).join(&hex[..2]).join(hex);
            let bytes = std::fs::read(path).expect("the truth has read it");
            let document: Value = serde_json::from_slice(&bytes).expect("a manifest is JSON");
            let layers = document["layers"].as_array().into_iter().flatten();
            for descriptor in layers.chain([&document["config"]]) {
                let blob = descriptor["digest"].as_str().expect("an image");
                assert!(
                    holding.blobs.contains(&Digest::verbatim(blob)),
                    "{name}@{manifest} needs {blob}, which is not in {name}"
                );
            }
        }
    }
}
