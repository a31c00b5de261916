//! Jobs of the configuration that bring releases and their samples.

use harness::openshift::{Component, Release, Stream, name, samples_operator};
use harness::{Format, Image};
use serde_json::Value;

use super::{World, reference};
use crate::mirror::{job, tag};

fn release() -> Release {
    let stream = Stream::new("nodejs").tag("20", "registry.redhat.io/ubi9/nodejs-20:latest");
    Release::with("4.18.7")
        .component(Component::small("etcd"))
        .component(samples_operator("x86_64", &[stream]))
        .build()
}

/// The only job of a document.
fn only(mut document: Value) -> Value {
    document["jobs"][0].take()
}

#[test]
fn a_job_brings_releases_and_their_samples() {
    let release = release();
    let keys = "releases = [\"4.18.7-x86_64\"]\nsamples = true";
    let Some(world) = World::with(&release, &job("openshift", keys)) else {
        return;
    };
    let sample = Image::new(Format::Docker, "a sample");
    world.red_hat[0].put("ubi9/nodejs-20", "latest", &sample);
    let plan = only(world.document(&["run", "--dry-run"], 0));
    assert_eq!(plan["totals"]["copy"], release.components.len() + 2);
    let ran = only(world.document(&["run", "openshift"], 0));
    assert_eq!(ran["result"], "done", "{ran:#}");
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    let found = tag(&world.registry.plain(), "ubi9/nodejs-20", "latest");
    assert_eq!(found, Some(sample.digest()));
    assert_eq!(world.kept(&release).len(), 1);
    let ran = only(world.document(&["run"], 0));
    assert_eq!(ran["outcome"]["totals"]["bytesFetched"], 0);
    world.registry.finish().no_uploads();
}

#[test]
fn a_job_brings_no_release_that_nobody_vouches_for_and_brings_the_rest() {
    let (release, image) = (release(), Image::new(Format::Oci, "x"));
    let keys = "releases = [\"4.18.7-x86_64\"]\nimages = [\"quay.io/team/app:1\"]";
    let Some(world) = World::with(&release, &job("openshift", keys)) else {
        return;
    };
    world.quay.put("team/app", "1", &image);
    let unsigned = Release::with("4.18.7")
        .component(Component::small("pod"))
        .build();
    unsigned.push(&world.quay);
    let ran = only(world.document(&["run"], 2));
    let images = ran["outcome"]["images"].as_array().expect("images");
    let failed = images.iter().find(|image| image["state"] == "failed");
    let failed = failed.expect("the release is named");
    assert_eq!(failed["source"], reference(&unsigned));
    let because = failed["because"].as_str().expect("a reason");
    assert!(because.contains("no signature"), "{because}");
    let client = world.registry.plain();
    assert_eq!(tag(&client, "quay.io/team/app", "1"), Some(image.digest()));
    assert_eq!(tag(&client, name::OUR_RELEASES, "4.18.7-x86_64"), None);
    world.registry.finish().no_uploads();
}
