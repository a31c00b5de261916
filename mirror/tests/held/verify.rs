//! Reading all of a release again.

use std::fs;

use roadstead_mirror::openshift::held::{Verified, VerifiedImage, verify};
use roadstead_storage::Progress;
use roadstead_storage::oci::{Digest, Reference};

use crate::lab::{COMPONENTS, IMAGES, Lab, Recipe, name};

async fn verified(it: &Lab) -> Verified {
    let release = it.held("4.18.7").await;
    let read = verify(&it.store, &release, |_| {}).await;
    read.expect("can be read")
}

fn named<'a>(verified: &'a Verified, name: &str) -> &'a VerifiedImage {
    let mut images = verified.images.iter();
    images.find(|image| image.name == name).expect("is in it")
}

/// A layer of a component.
async fn layer(it: &Lab, component: &str) -> Digest {
    let payload = it.payload("4.18.7").await;
    let digest = payload
        .component(component)
        .expect("the release is held")
        .image()
        .digest();
    let stored = it
        .store
        .repo(&name(COMPONENTS))
        .manifest(&Reference::Digest(digest))
        .await;
    let bytes = stored
        .expect("the release is held")
        .expect("the release is held")
        .bytes;
    let document: serde_json::Value = serde_json::from_slice(&bytes).expect("the release is held");
    document["layers"][0]["digest"]
        .as_str()
        .expect("the release is held")
        .parse()
        .expect("the release is held")
}

#[tokio::test]
async fn what_is_whole_is_read_to_the_last_byte() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    let release = it.held("4.18.7").await;
    let mut last: Option<Progress> = None;

    let verified = verify(&it.store, &release, |progress| last = Some(progress))
        .await
        .unwrap();

    assert!(verified.is_whole(), "{verified:?}");
    let names: Vec<_> = verified
        .images
        .iter()
        .map(|image| image.name.as_str())
        .collect();
    assert_eq!(names, ["release image", "cli", "installer"]);
    let last = last.expect("it is told");
    assert_eq!(
        (last.done, last.total),
        (verified.bytes, Some(verified.bytes))
    );
    assert!(verified.bytes > 1000);
}

#[tokio::test]
async fn a_byte_that_changed_is_found_and_named_with_its_component() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    let layer = layer(&it, "installer").await;
    let mut bytes = fs::read(it.file(layer)).unwrap();
    bytes[3] ^= 1;
    fs::write(it.file(layer), bytes).unwrap();

    let verified = verified(&it).await;

    assert!(!verified.is_whole());
    assert!(named(&verified, "cli").is_whole() && named(&verified, "release image").is_whole());
    let broken = named(&verified, "installer");
    assert_eq!(broken.damaged.iter().collect::<Vec<_>>(), [&layer]);
    assert!(broken.missing.is_empty());
}

#[tokio::test]
async fn what_is_not_here_is_named_with_its_component() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    let layer = layer(&it, "cli").await;
    fs::remove_file(it.file(layer)).unwrap();
    let payload = it.payload("4.18.7").await;
    let gone = payload.component("installer").unwrap().image().digest();
    let removed = it.store.repo(&name(COMPONENTS)).delete_manifest(gone).await;
    removed.unwrap().expect("was there");

    let verified = verified(&it).await;

    assert_eq!(named(&verified, "cli").missing, [layer].into());
    assert_eq!(named(&verified, "installer").missing, [gone].into());
    assert!(named(&verified, "release image").is_whole());
}

#[tokio::test]
async fn a_release_image_that_is_damaged_itself_is_told_so() {
    let it = Lab::new().await;
    let digest = it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    let release = it.held("4.18.7").await;
    let stored = it
        .store
        .repo(&name(IMAGES))
        .manifest(&Reference::Digest(digest))
        .await;
    let document: serde_json::Value =
        serde_json::from_slice(&stored.unwrap().unwrap().bytes).unwrap();
    let layer: Digest = document["layers"][0]["digest"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut bytes = fs::read(it.file(layer)).unwrap();
    bytes[600] ^= 1;
    fs::write(it.file(layer), bytes).unwrap();

    let verified = verify(&it.store, &release, |_| {}).await.unwrap();

    assert_eq!(named(&verified, "release image").damaged, [layer].into());
}
