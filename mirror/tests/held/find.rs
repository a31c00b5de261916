//! Finding releases from what the store holds.

use roadstead_mirror::openshift::Arch;
use roadstead_mirror::openshift::held::{Error, HeldRef, resolve};
use roadstead_storage::Origin;
use roadstead_storage::oci::{Algorithm, Digest};
use serde_json::json;

use crate::lab::{COMPONENTS, IMAGES, Lab, Recipe, UPSTREAM};

#[tokio::test]
async fn releases_are_found_wherever_they_lie_in_the_order_of_their_versions() {
    let it = Lab::new().await;
    let place = (IMAGES, COMPONENTS);
    it.release(&Recipe::new("4.18.10", "x86_64"), place).await;
    it.release(&Recipe::new("4.18.9", "x86_64"), place).await;
    it.release(&Recipe::new("4.18.9", "aarch64"), place).await;
    let one = ("ocp4/openshift4", "ocp4/openshift4");
    it.release(&Recipe::new("4.19.0-rc.1", "x86_64"), one).await;
    it.release(&Recipe::new("4.17.1", "s390x"), UPSTREAM).await;

    let found = it.all().await;

    let expected = [
        "quay.io/openshift-release-dev/ocp-release:4.17.1-s390x",
        "openshift/release-images:4.18.9-aarch64",
        "openshift/release-images:4.18.9-x86_64",
        "openshift/release-images:4.18.10-x86_64",
        "ocp4/openshift4:4.19.0-rc.1-x86_64",
    ];
    assert_eq!(found, expected);
    for (tag, components) in [
        ("4.17.1-s390x", UPSTREAM.1),
        ("4.18.9-x86_64", COMPONENTS),
        ("4.19.0-rc.1-x86_64", "ocp4/openshift4"),
    ] {
        assert_eq!(it.held(tag).await.components.as_str(), components, "{tag}");
    }
}

#[tokio::test]
async fn a_release_under_its_upstreams_own_name_too_is_told_once() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    assert_eq!(it.all().await, ["openshift/release-images:4.18.7-x86_64"]);

    // Named in full it is taken from where that is, the registry's address in front or not.
    let (images, components) = UPSTREAM;
    for place in [
        format!("{images}:4.18.7-x86_64"),
        format!("registry.example.com:8443/{images}:4.18.7-x86_64"),
    ] {
        let there = it.held(&place).await;
        assert_eq!(
            (there.repository.as_str(), there.components.as_str()),
            (images, components)
        );
    }
}

#[tokio::test]
async fn tags_that_only_look_like_releases_are_none() {
    let it = Lab::new().await;
    let pushed = Origin::Pushed;
    it.component("team/app", "x", &["4.18.7-x86_64", "1.0.0-multi"], pushed)
        .await;
    it.release(&Recipe::new("4.18.7", "x86_64"), (IMAGES, COMPONENTS))
        .await;
    let list = json!({ "schemaVersion": 2, "manifests": [] });
    it.put("team/list", &list, &["4.18.8-x86_64"], pushed).await;

    assert_eq!(it.all().await, ["openshift/release-images:4.18.7-x86_64"]);
    let wanted: HeldRef = "team/app:4.18.7-x86_64".parse().unwrap();
    let refused = resolve(&it.store, &wanted).await.unwrap_err();
    assert!(matches!(refused, Error::NoRelease { .. }), "{refused}");
}

#[tokio::test]
async fn a_release_is_found_by_tag_version_digest_and_place() {
    let it = Lab::new().await;
    let digest = it.mirrored(&Recipe::new("4.18.7", "s390x")).await;
    for named in [
        "4.18.7-s390x",
        "4.18.7",
        &digest.to_string(),
        "openshift/release-images:4.18.7-s390x",
        &format!("registry.example.com/openshift/release-images@{digest}"),
    ] {
        let found = it.held(named).await;
        assert_eq!((found.digest, found.arch), (digest, Arch::S390x), "{named}");
        assert_eq!(found.repository.as_str(), IMAGES, "{named}");
        assert_eq!(
            found.from.to_string(),
            "quay.io/openshift-release-dev/ocp-release"
        );
    }
    let payload = it.payload("4.18.7").await;
    assert_eq!(payload.version(), "4.18.7");
}

#[tokio::test]
async fn what_is_not_held_is_told_with_what_is() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    for named in ["4.18.8", "4.18.7-s390x", "a/b:4.18.7-x86_64"] {
        let refused = resolve(&it.store, &named.parse().unwrap())
            .await
            .unwrap_err();
        let Error::NotHeld { wanted, held } = refused else {
            panic!("{refused}");
        };
        assert_eq!(
            (wanted.as_str(), held),
            (named, vec!["4.18.7-x86_64".to_owned()])
        );
    }
}

#[tokio::test]
async fn a_version_for_several_other_machines_stands_for_none_of_them() {
    let it = Lab::new().await;
    let place = (IMAGES, COMPONENTS);
    let other = ["s390x", "ppc64le"].map(|arch| Recipe::new("4.18.7", arch));
    for recipe in &other {
        it.release(recipe, place).await;
    }
    let wanted = "4.18.7".parse().unwrap();
    let refused = resolve(&it.store, &wanted).await.unwrap_err();
    assert!(matches!(refused, Error::Several { places } if places.len() == 2));

    // Two images under one version, each in its own place.
    let mut changed = Recipe::new("4.18.7", "s390x");
    changed.components.push(("more", "more".to_owned()));
    it.release(&changed, ("x/y", "x/y")).await;
    let wanted = "4.18.7-s390x".parse().unwrap();
    let refused = resolve(&it.store, &wanted).await.unwrap_err();
    assert!(matches!(refused, Error::Several { places } if places.len() == 2));
}

#[tokio::test]
async fn a_release_of_lists_is_read_through_one_of_its_images() {
    let it = Lab::new().await;
    let recipe = Recipe::new("4.18.7", "multi");
    let digest = Digest::of(Algorithm::Sha256, b"cli");
    let from = format!("quay.io/openshift-release-dev/ocp-v4.0-art-dev@{digest}");
    let cli = json!({ "name": "cli", "from": { "kind": "DockerImage", "name": from } });
    let image = it.release_image(IMAGES, &recipe, &[cli]).await;
    let child = it.put(IMAGES, &image, &[], recipe.origin).await;
    let size = image.to_string().len();
    let list = json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child.to_string(),
        "size": size, "platform": { "os": "linux", "architecture": "arm64" } }] });
    let digest = it
        .put(IMAGES, &list, &["4.18.7-multi"], recipe.origin)
        .await;

    let found = it.held("4.18.7").await;

    assert_eq!((found.digest, found.arch), (digest, Arch::Multi));
    let image = found.image(&it.store).await.unwrap();
    assert_eq!((image.digest, image.list), (child, Some(digest)));
    let payload = found.payload(&it.store).await.unwrap();
    assert_eq!(payload.components()[0].name(), "cli");
}

#[tokio::test]
async fn mirrors_lead_every_source_here() {
    let it = Lab::new().await;
    it.mirrored(&Recipe::new("4.18.7", "x86_64")).await;
    let mut release = it.held("4.18.7").await;
    release.from = "registry.ci.example.com/ocp/release".parse().unwrap();
    let mirrors = release.mirrors(&it.payload("4.18.7").await);
    let mirrors: Vec<_> = mirrors
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    assert_eq!(
        mirrors,
        [
            ("quay.io/openshift-release-dev/ocp-release", IMAGES),
            ("quay.io/openshift-release-dev/ocp-v4.0-art-dev", COMPONENTS),
            ("registry.ci.example.com/ocp/release", IMAGES),
        ]
    );
}
