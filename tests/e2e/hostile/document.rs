//! JSON made to hurt whoever parses it.

use harness::{Digest, Format, Image, Manifest, Registry, index_of, media_type};
use serde_json::json;

use crate::nothing::registry_is_empty;

/// Within what a manifest may have, so that it is read and not just measured.
const SIZE: usize = 3 * 1024 * 1024;

#[test]
fn json_made_to_exhaust_its_reader_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let nested = |open: &str| open.repeat(SIZE / open.len());
    let deep_member = format!("{{\"schemaVersion\":2,\"x\":{}", "[".repeat(1_000_000));
    let balanced = format!(
        "{{\"schemaVersion\":2,\"annotations\":{}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    let long_number = format!("{{\"schemaVersion\":{}}}", "9".repeat(SIZE));
    let exponent = "{\"schemaVersion\":2e999999999}".to_owned();
    let long_string = format!("{{\"schemaVersion\":\"{}\"}}", "\\u0000".repeat(SIZE / 6));
    for text in [
        nested("["),
        nested("{\"a\":"),
        deep_member,
        balanced,
        long_number,
        exponent,
        long_string,
        "\"".to_owned(),
    ] {
        for media_type in [media_type::OCI_IMAGE, media_type::OCI_INDEX] {
            let bytes = text.clone().into();
            let manifest = Manifest {
                media_type: media_type.to_owned(),
                bytes,
            };
            manifest
                .put(&client, "a/b", "bomb")
                .refused(400, "MANIFEST_INVALID");
        }
    }
    registry_is_empty(registry);
}

#[test]
fn an_index_of_tens_of_thousands_of_children_is_taken_or_refused_but_not_chewed_for_long() {
    let registry = Registry::open();
    let client = registry.plain();
    let child = |n: u32| {
        let digest = Digest::of(&n.to_le_bytes());
        json!({ "mediaType": media_type::OCI_IMAGE, "digest": digest.as_str(), "size": n })
    };
    let children: Vec<_> = (0..20_000).map(child).collect();
    let index = index_of(Format::Oci, &[]).with("manifests", json!(children));

    let answer = index.put(&client, "a/b", "many");

    assert!(
        matches!(answer.status.as_u16(), 201 | 400 | 413),
        "{answer}"
    );
    if answer.status == 201 {
        assert!(answer.must("warning").len() < 4096);
        assert_eq!(client.manifest("a/b", "many").expect(200).body, index.bytes);
    }
    registry.finish();
}

#[test]
fn an_index_in_a_circle_does_no_harm() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "subject");
    image.push_blobs(&client, "a/b");
    // Nothing can name its own digest, but two may each claim the other for a subject by a guess.
    let other = Image::referrer(&image.manifest, "text/x", "of the image");
    let looped = image.manifest.with("subject", other.manifest.descriptor());

    other.push(&client, "a/b", other.digest().as_str());
    looped.put(&client, "a/b", "looped").expect(201);
    image.manifest.put(&client, "a/b", "1").expect(201);

    assert_eq!(client.referrers("a/b", &image.digest()).len(), 1);
    assert_eq!(client.referrers("a/b", &other.digest()).len(), 1);
    registry.finish();
}

#[test]
fn text_in_a_manifest_comes_back_as_data_and_never_as_a_header_or_a_page() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "markup");
    image.push_blobs(&client, "a/b");
    let subject = Image::new(Format::Oci, "subject");
    let evil = "<script>alert(1)</script>\r\nX-Evil: 1\u{1b}[31m";
    let manifest = image
        .manifest
        .with("annotations", json!({ evil: evil }))
        .with("artifactType", json!(evil))
        .with("subject", subject.manifest.descriptor());

    let answer = manifest.put(&client, "a/b", "evil");

    if answer.status == 201 {
        let list = client
            .get(format!("/v2/a/b/referrers/{}", subject.digest()))
            .expect(200);
        list.lacks("x-evil")
            .has("content-type", media_type::OCI_INDEX);
    } else {
        answer.refused(400, "MANIFEST_INVALID");
    }
    registry.finish();
}
