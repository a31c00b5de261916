//! `mirror release`: where all of a payload lies afterwards, what is told of it, and what is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use harness::openshift::{Release, name, signature_tag};
use harness::{Digest, Format, Image};
use serde_json::Value;

use super::{World, entry, pullspec, reference};
use crate::mirror::tag;

/// Every blob of a release with its size, the release image's included.
fn blobs(release: &Release) -> BTreeMap<Digest, u64> {
    let own = release.image.layers.iter().chain([&release.image.config]);
    let own = own.map(|bytes| (Digest::of(bytes), bytes.len() as u64));
    let blobs = release
        .components
        .iter()
        .flat_map(|component| &component.blobs);
    own.chain(blobs.map(|blob| (blob.digest(), blob.len())))
        .collect()
}

#[test]
fn a_release_lies_where_clusters_look_for_it_with_a_server_and_without() {
    let release = Release::typical().build();
    for has_server in [true, false] {
        let Some(mut world) = World::of(&release) else {
            return;
        };
        if !has_server {
            world.registry.stop();
        }
        world.mirror(&["release", "4.18.7-x86_64"]).ok();
        if !has_server {
            world.registry.start_again();
        }
        world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
        assert_eq!(
            world.kept(&release),
            [world.store.get(&release.digest(), 1)]
        );
        let truth = world.registry.finish().no_uploads();
        let holding = &truth.repositories[name::OUR_COMPONENTS];
        let mut digests: BTreeSet<_> = holding.manifests.keys().cloned().collect();
        digests.insert(release.digest());
        assert_eq!(digests, release.digests(), "lists with one child included");
    }
}

#[test]
fn a_layer_that_was_lost_here_comes_again() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    world.mirror(&["release", "4.18.7-x86_64"]).ok();
    // The one with the documents of the release, and the one with the streams of samples.
    let operator = release.component("cluster-samples-operator");
    let top = Digest::of(release.image.layers.last().expect("layers"));
    for lost in [top, operator.blobs.last().expect("layers").digest()] {
        let hex = lost.as_str().strip_prefix("sha256:").expect("sha256");
        let blobs = world.registry.data().join("blobs/sha256");
        fs::remove_file(blobs.join(&hex[..2]).join(hex)).expect("it was here");
    }
    world.mirror(&["samples", "4.18.7-x86_64"]).ok();
    world.mirror(&["release", "4.18.7-x86_64"]).ok();
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    world.registry.finish();
}

#[test]
fn all_of_a_release_may_lie_in_one_repository() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let words = ["release", "4.18.7-x86_64", "--to", "ocp4/openshift4"];
    world.mirror(&words).ok();
    world.check_that_it_is_here(&release, "ocp4/openshift4", "ocp4/openshift4");
    let client = world.registry.plain();
    assert_eq!(tag(&client, name::OUR_RELEASES, &release.tag()), None);
    world.registry.finish().no_uploads();
}

#[test]
fn a_report_says_what_the_release_is_and_where_each_image_went() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let report = world.document(&["release", "4.18.7-x86_64"], 0);
    assert_eq!(report["result"], "done");
    let summary = &report["release"];
    assert_eq!(summary["version"], "4.18.7");
    assert_eq!(summary["architecture"], "x86_64");
    assert_eq!(summary["digest"], release.digest().as_str());
    assert_eq!(summary["source"], reference(&release));
    assert_eq!(summary["components"], release.components.len());
    assert_eq!(summary["signatures"], 1);
    assert_eq!(summary["signedBy"].as_array().map(Vec::len), Some(1));
    let images = report["images"].as_array().expect("a report has images");
    let of = |key: &str| -> BTreeSet<_> {
        images
            .iter()
            .map(|image| image[key].as_str().expect("a text").to_owned())
            .collect()
    };
    let sources = release
        .components
        .iter()
        .map(|component| pullspec(&component.digest()));
    // What was believed is what is fetched: this digest, whatever the tag names by now.
    let head = format!("{}/{}@{}", name::QUAY, name::RELEASES, release.digest());
    let sources: BTreeSet<_> = sources.chain([head]).collect();
    assert_eq!(of("source"), sources);
    let tags = release.component_tags().into_keys();
    let places = tags.map(|tag| format!("{}:{tag}", name::OUR_COMPONENTS));
    let head = format!("{}:{}", name::OUR_RELEASES, release.tag());
    let places: BTreeSet<_> = places.chain([head.clone()]).collect();
    assert_eq!(of("destination"), places);
    assert_eq!(summary["destination"], head);
    let told = world.mirror(&["release", "4.18.7-x86_64"]).ok();
    assert!(told.contains("4.18.7"), "{told}");
    world.registry.finish().no_uploads();
}

#[test]
fn a_second_run_fetches_nothing_and_changes_nothing() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    world.document(&["release", "4.18.7-x86_64"], 0);
    let (truth, asked) = (world.registry.check(), world.blobs_asked());
    let report = world.document(&["release", "4.18.7-x86_64"], 0);
    assert_eq!(report["totals"]["bytesFetched"], 0);
    assert_eq!(report["totals"]["copied"], 0);
    assert_eq!(report["totals"]["unchanged"], release.components.len() + 1);
    assert_eq!(world.blobs_asked(), asked);
    assert_eq!(world.registry.check(), truth);
    assert_eq!(world.kept(&release).len(), 1);
    // What another layout needs is here, too.
    let report = world.document(&["release", "4.18.7-x86_64", "--to", "ocp"], 0);
    assert_eq!(report["totals"]["bytesFetched"], 0);
    // All that is looked into is the release image.
    let own = release.image.layers.len() + 1;
    assert!(world.blobs_asked() <= asked + own, "components are read");
    world.registry.finish().no_uploads();
}

#[test]
fn a_dry_run_says_what_it_would_take_and_takes_nothing() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let plan = world.document(&["release", "4.18.7-x86_64", "--dry-run"], 0);
    assert_eq!(plan["dryRun"], true);
    assert_eq!(plan["release"]["digest"], release.digest().as_str());
    assert_eq!(plan["totals"]["copy"], release.components.len() + 1);
    let bytes: u64 = blobs(&release).values().sum();
    assert_eq!(plan["totals"]["bytesToFetch"], bytes);
    let told = world.mirror(&["release", "4.18.7-x86_64", "--dry-run"]);
    assert!(told.ok().contains("would fetch"));
    world.check_that_nothing_is_here();
}

#[test]
fn a_layer_that_several_components_share_is_fetched_once() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let report = world.document(&["release", "4.18.7-x86_64"], 0);
    let bytes: u64 = blobs(&release).values().sum();
    assert_eq!(report["totals"]["bytesFetched"], bytes);
    let shared = Digest::of(&Image::new(Format::Docker, "the base of all components").layers[0]);
    let count = world
        .quay
        .count(|asked| asked.target.contains(shared.as_str()));
    assert_eq!(count, 1);
    world.registry.finish().no_uploads();
}

#[test]
fn what_belongs_to_an_image_comes_along_and_lies_beside_it() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let child = &release.component("tests").children[1];
    let single = &release.component("must-gather").children[0];
    let subjects = [
        (name::RELEASES, name::OUR_RELEASES, &release.image.manifest),
        (
            name::COMPONENTS,
            name::OUR_COMPONENTS,
            &release.component("etcd").manifest,
        ),
        (
            name::COMPONENTS,
            name::OUR_COMPONENTS,
            &release.component("tests").manifest,
        ),
        (name::COMPONENTS, name::OUR_COMPONENTS, child),
        (name::COMPONENTS, name::OUR_COMPONENTS, single),
    ];
    let along = subjects.map(|(there, here, subject)| {
        let digest = subject.digest();
        let signature = Image::new(Format::Oci, &format!("signs {digest}"));
        world.quay.put(there, &signature_tag(&digest), &signature);
        let referrer = Image::referrer(subject, "application/spdx+json", digest.as_str());
        world.quay.put(there, referrer.digest().as_str(), &referrer);
        (there, here, digest, signature.digest(), referrer.digest())
    });
    world.mirror(&["release", "4.18.7-x86_64"]).ok();
    let client = world.registry.plain();
    for (there, here, digest, signature, referrer) in along {
        for repository in [here.to_owned(), format!("{}/{there}", name::QUAY)] {
            let found = tag(&client, &repository, &signature_tag(&digest));
            assert_eq!(found.as_ref(), Some(&signature), "{repository}@{digest}");
            let found = client.referrers(&repository, &digest);
            let found: Vec<_> = found.iter().map(|entry| entry["digest"].clone()).collect();
            assert_eq!(
                found,
                [Value::from(referrer.as_str())],
                "{repository}@{digest}"
            );
        }
    }
    world.registry.finish().no_uploads();
}

#[test]
fn two_releases_lie_side_by_side_and_share_what_they_have_in_common() {
    let (old, new) = (
        Release::typical().build(),
        Release::with("4.18.8").component(Release::typical().build().component("etcd").clone()),
    );
    let new = new.build();
    let Some(world) = World::of(&old) else {
        return;
    };
    world.publish(&new);
    world.document(&["release", "4.18.7-x86_64"], 0);
    let report = world.document(&["release", "4.18.8-x86_64"], 0);
    assert_eq!(
        entry(&report, &new.component("etcd").digest())["state"],
        "new"
    );
    let client = world.registry.plain();
    assert_eq!(client.tags(name::OUR_RELEASES), [old.tag(), new.tag()]);
    let own = new.image.layers.iter().chain([&new.image.config]);
    let shared = blobs(&old);
    let own = own.filter(|bytes| !shared.contains_key(&Digest::of(bytes)));
    let own: usize = own.map(bytes::Bytes::len).sum();
    assert_eq!(report["totals"]["bytesFetched"], own);
    world.registry.finish().no_uploads();
}
