//! `release verify`: every byte, and somebody who vouches for it.

use std::fs;
use std::path::PathBuf;

use harness::openshift::{Release, ReleaseKey, name};
use harness::{Digest, Registry};

use super::{document, holding, told};

/// The file of a blob.
fn file(registry: &Registry, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    let blobs = registry.data().join("blobs/sha256");
    blobs.join(&hex[..2]).join(hex)
}

/// Has the store hold a signature, as it lays them out.
fn keep(registry: &Registry, release: &Release, signature: &[u8]) {
    let name = release.digest().as_str().replacen(':', "=", 1);
    let home = registry.data().join("signatures").join(name);
    fs::create_dir_all(&home).expect("the data directory can be written");
    fs::write(home.join("signature-1"), signature).expect("the data directory can be written");
}

#[test]
fn a_release_that_is_whole_and_signed_is_verified() {
    let release = Release::typical().build();
    let (Some(key), Some(other)) = (ReleaseKey::new(), ReleaseKey::new()) else {
        return;
    };
    let mut registry = holding(&[&release]);
    let reference = format!("{}/{}:{}", name::QUAY, name::RELEASES, release.tag());
    keep(
        &registry,
        &release,
        &key.attest(&release.digest(), &reference),
    );
    let (file, unknown) = (key.file(), other.file());
    let words = ["verify", "4.18.7", "--release-key", file.to_str().unwrap()];

    for has_server in [true, false] {
        if !has_server {
            registry.stop();
        }
        let verified = document(&registry, &words, 0);
        assert_eq!(
            (&verified["whole"], &verified["signed"]),
            (&true.into(), &true.into())
        );
        assert_eq!(verified["signatures"][0]["reference"], reference);
        let images = verified["images"].as_array().unwrap();
        assert_eq!(images.len(), release.components.len() + 1);
        assert!(images.iter().all(|image| image["state"] == "ok"));
    }
    registry.start_again();

    // Neither the key that is carried nor any other vouches for it.
    let verified = document(&registry, &["verify", "4.18.7"], 1);
    assert_eq!(
        (&verified["whole"], &verified["signed"]),
        (&true.into(), &false.into())
    );
    assert_eq!(verified["uselessSignatures"][0]["number"], 1);
    let other = [
        "release",
        "verify",
        "4.18.7",
        "--release-key",
        unknown.to_str().unwrap(),
    ];
    let said = registry.command(&other, "").fails(1);
    assert!(
        said.contains("none of its signatures is by a key that is trusted"),
        "{said}"
    );
    registry.finish();
}

#[test]
fn a_release_that_nobody_vouches_for_needs_the_word_for_it() {
    let release = Release::typical().build();
    let registry = holding(&[&release]);
    let said = registry
        .command(&["release", "verify", "4.18.7"], "")
        .fails(1);
    assert!(said.contains("no signature of it is held"), "{said}");
    let text = told(&registry, &["verify", "4.18.7", "--allow-unsigned"]);
    assert!(text.contains("no signature is held"), "{text}");
    registry.finish();
}

#[test]
fn what_is_missing_and_what_is_damaged_is_named_with_its_component() {
    let release = Release::typical().build();
    let registry = holding(&[&release]);
    let layer = release
        .component("installer")
        .blobs
        .last()
        .unwrap()
        .digest();
    let path = file(&registry, &layer);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let child = release.component("tests").children[1].digest();
    let client = registry.admin();
    let gone = format!("/v2/{}/manifests/{child}", name::OUR_COMPONENTS);
    client.delete(gone).expect(202);

    let verified = document(&registry, &["verify", "4.18.7", "--allow-unsigned"], 2);

    let images = verified["images"].as_array().unwrap();
    for image in images {
        let (state, key, digest) = match image["name"].as_str().unwrap() {
            "installer" => ("damaged", "damaged", &layer),
            "tests" => ("missing", "missing", &child),
            _ => {
                assert_eq!(image["state"], "ok", "{image}");
                continue;
            }
        };
        assert_eq!(image["state"], state);
        assert_eq!(image[key], serde_json::json!([digest.as_str()]), "{image}");
    }
    let said = registry
        .command(&["release", "verify", "4.18.7"], "")
        .fails(2);
    assert!(said.contains("missing or damaged"), "{said}");
}
