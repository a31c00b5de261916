//! Manifests that name what is not here: partial mirrors and early signatures push such. They are
//! accepted, and their client is told.

use harness::{Digest, Format, Image, Registry, Response, index_of};
use serde_json::json;

/// Insists on a warning in the form of RFC 7234: code 299, no agent, text in quotation marks.
#[track_caller]
fn warns(answer: Response) {
    let answer = answer.expect(201);
    let warning = answer.must("warning");
    assert!(
        warning.starts_with("299 - \"") && warning.ends_with('"'),
        "{warning}"
    );
    assert!(warning.len() < 4096);
}

#[test]
fn an_index_without_its_children_is_accepted_with_a_warning() {
    let registry = Registry::open();
    let client = registry.plain();
    let here = Image::new(Format::Oci, "here");
    let elsewhere = Image::new(Format::Oci, "elsewhere");
    here.push(&client, "a/b", here.digest().as_str());
    let index = index_of(
        Format::Oci,
        &[
            (&here.manifest, ("linux", "amd64")),
            (&elsewhere.manifest, ("linux", "arm64")),
        ],
    );

    warns(index.put(&client, "a/b", "sparse"));

    assert_eq!(
        client.manifest("a/b", "sparse").expect(200).body,
        index.bytes
    );
    client
        .manifest("a/b", elsewhere.digest().as_str())
        .expect(404);
    elsewhere.push(&client, "a/b", elsewhere.digest().as_str());
    index
        .put(&client, "a/b", "whole")
        .expect(201)
        .lacks("warning");
    registry.finish();
}

#[test]
fn a_manifest_without_its_layers_is_accepted_with_a_warning() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "not pushed");

    warns(image.manifest.put(&client, "a/b", "1"));

    client.blob("a/b", &Digest::of(&image.config)).expect(404);
    assert_eq!(
        client.manifest("a/b", "1").expect(200).body,
        image.manifest.bytes
    );
    registry.finish();
}

/// Else whoever knows a digest could read the layer through a manifest of their own.
#[test]
fn naming_a_blob_of_another_repository_does_not_make_it_readable() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "private");
    image.push_blobs(&client, "private");

    warns(image.manifest.put(&client, "public", "1"));

    client
        .blob("public", &Digest::of(&image.layers[0]))
        .expect(404);
    client
        .blob("public", &Digest::of(&image.config))
        .expect(404);
    registry.finish();
}

#[test]
fn layers_that_are_distributed_elsewhere_are_not_missed() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "foreign");
    client.push_blob("a/b", &image.config);
    let nowhere = Digest::of(b"a layer at its vendor's");
    let foreign = |media_type: &str, urls: &[&str]| {
        let mut layer = json!({ "mediaType": media_type, "digest": nowhere.as_str(), "size": 23 });
        if !urls.is_empty() {
            layer["urls"] = json!(urls);
        }
        image.manifest.with("layers", json!([layer]))
    };

    for (tag, manifest) in [
        (
            "oci",
            foreign(
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                &[],
            ),
        ),
        (
            "docker",
            foreign(
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                &[],
            ),
        ),
        (
            "urls",
            foreign("application/x-model", &["https://vendor.example.com/model"]),
        ),
    ] {
        manifest
            .put(&client, "a/b", tag)
            .expect(201)
            .lacks("warning");
    }
    registry.finish();
}
