//! Taking a release away.

use std::collections::BTreeSet;

use roadstead_mirror::openshift::held::{Note, Removal, remove};
use roadstead_storage::Origin;
use roadstead_storage::oci::{Digest, Reference};
use serde_json::json;

use crate::lab::{COMPONENTS, IMAGES, Lab, Recipe, UPSTREAM, name, tag};

async fn removed(it: &Lab, text: &str) -> Removal {
    let release = it.held(text).await;
    let plan = remove(&it.store, &release, true).await.expect("plans");
    let done = remove(&it.store, &release, false).await.expect("removes");
    assert_eq!(done, plan, "what it did is what it said it would do");
    done
}

async fn manifests(it: &Lab) -> u64 {
    it.store
        .stat()
        .await
        .expect("the store can be read")
        .manifests
}

async fn has(it: &Lab, repository: &str, digest: Digest) -> bool {
    let repo = it.store.repo(&name(repository));
    repo.manifest(&Reference::Digest(digest))
        .await
        .expect("the store can be read")
        .is_some()
}

#[tokio::test]
async fn the_only_release_goes_with_all_its_copies_signatures_and_its_note() {
    let it = Lab::new().await;
    let digest = it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    it.store
        .keep_signature(digest, b"signed".to_vec().into())
        .await
        .unwrap();
    let before = it.store.stat().await.unwrap();

    let removal = removed(&it, "4.18.7").await;

    assert_eq!(manifests(&it).await, 0);
    assert_eq!(
        removal.freed_bytes, before.blob_bytes,
        "nobody else needs any of it"
    );
    assert_eq!(removal.from.len(), 4);
    assert!(removal.kept.is_empty());
    assert_eq!(removal.signatures, 1);
    assert!(it.store.signatures(digest).await.unwrap().is_empty());
    assert_eq!(Note::read(&it.store, digest).await.unwrap(), None);
    assert!(it.all().await.is_empty());
}

#[tokio::test]
async fn what_another_release_needs_stays() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    it.mirrored(&Recipe::new("4.18.8", "x86_64")).await;
    let shared = it
        .payload("4.18.7")
        .await
        .component("cli")
        .unwrap()
        .image()
        .digest();

    let removal = removed(&it, "4.18.7").await;

    assert_eq!(removal.kept, BTreeSet::from([shared]));
    assert_eq!(it.all().await, ["openshift/release-images:4.18.8-x86_64"]);
    for repository in [COMPONENTS, UPSTREAM.1] {
        assert!(has(&it, repository, shared).await);
    }
    let tags = it
        .store
        .repo(&name(COMPONENTS))
        .tags()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        tags,
        [tag("4.18.8-x86_64-cli"), tag("4.18.8-x86_64-installer")]
    );
    // Two images in two places each.
    assert_eq!(manifests(&it).await, 6);
    let verified = it.held("4.18.8").await;
    let verified = roadstead_mirror::openshift::held::verify(&it.store, &verified, |_| {}).await;
    assert!(verified.unwrap().is_whole());
}

#[tokio::test]
async fn what_has_a_tag_of_its_own_or_was_pulled_through_stays() {
    let it = Lab::new().await;
    let recipe = Recipe::new("4.18.7", "x86_64");
    it.release(&recipe, (IMAGES, COMPONENTS)).await;
    let pulled = Recipe {
        origin: Origin::PulledThrough,
        ..recipe.clone()
    };
    it.release(&pulled, UPSTREAM).await;
    let kept = it
        .component(COMPONENTS, "the same in all", &["mine"], Origin::Pushed)
        .await;

    let removal = removed(&it, "openshift/release-images:4.18.7-x86_64").await;

    assert_eq!(removal.kept, BTreeSet::from([kept]));
    assert!(has(&it, COMPONENTS, kept).await);
    let tags = it
        .store
        .repo(&name(COMPONENTS))
        .tags()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(tags, [tag("mine")]);
    // Of the copies nothing went: a client had them fetched.
    assert_eq!(manifests(&it).await, 1 + 3);
    assert_eq!(it.all().await, [format!("{}:4.18.7-x86_64", UPSTREAM.0)]);
}

#[tokio::test]
async fn signatures_and_images_of_lists_go_with_what_they_belong_to() {
    let it = Lab::new().await;
    let mirrored = Origin::Mirrored;
    let child = it.component(COMPONENTS, "child", &[], mirrored).await;
    let list = json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child.to_string(),
        "size": 1, "platform": { "os": "linux", "architecture": "amd64" } }] });
    let list = it
        .put(COMPONENTS, &list, &["4.18.7-x86_64-tests"], mirrored)
        .await;
    let signature = format!("sha256-{}.sig", child.hex());
    it.component(COMPONENTS, "signed", &[&signature], mirrored)
        .await;
    let config = json!({});
    let mut referrer = it.image(COMPONENTS, &config, b"referrer").await;
    referrer["subject"] = json!({ "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": list.to_string(), "size": 1 });
    it.put(COMPONENTS, &referrer, &[], mirrored).await;
    let other = format!("sha256-{}.sig", "0".repeat(64));
    it.component(COMPONENTS, "of another", &[&other], mirrored)
        .await;
    let recipe = Recipe::new("4.18.7", "x86_64");
    let from = format!("{}@{list}", crate::lab::SOURCE);
    let tests = json!({ "name": "tests", "from": { "kind": "DockerImage", "name": from } });
    let image = it.release_image(IMAGES, &recipe, &[tests]).await;
    it.put(IMAGES, &image, &["4.18.7-x86_64", "latest"], mirrored)
        .await;

    let removal = removed(&it, "4.18.7").await;

    assert_eq!(removal.from[&name(COMPONENTS)].manifests.len(), 4);
    let tags = it
        .store
        .repo(&name(COMPONENTS))
        .tags()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(tags, [tag(&other)]);
    assert_eq!(manifests(&it).await, 1);
}

#[tokio::test]
async fn of_a_release_held_twice_only_the_one_that_is_named_goes() {
    let it = Lab::new().await;
    let recipe = Recipe::new("4.18.7", "x86_64");
    let digest = it.mirrored(&recipe).await;
    it.release(&recipe, ("ocp4/openshift4", "ocp4/openshift4"))
        .await;

    let removal = removed(&it, "ocp4/openshift4:4.18.7-x86_64").await;

    assert_eq!(
        removal.from.keys().collect::<Vec<_>>(),
        [&name("ocp4/openshift4")]
    );
    assert_eq!(removal.freed_bytes, 0, "the other still needs all of it");
    assert_eq!(manifests(&it).await, 6);
    assert!(Note::read(&it.store, digest).await.unwrap().is_some());
}

#[tokio::test]
async fn one_whose_image_is_damaged_still_goes_by_its_tags() {
    let it = Lab::new().await;
    let recipe = Recipe::new("4.18.7", "x86_64");
    let digest = it.release(&recipe, (IMAGES, COMPONENTS)).await;
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
    std::fs::remove_file(it.file(layer)).unwrap();

    remove(&it.store, &release, false).await.unwrap();

    assert_eq!(manifests(&it).await, 0);
}
