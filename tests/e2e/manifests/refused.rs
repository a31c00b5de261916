//! Manifests that are refused, with the code that says why, and leave nothing behind.

use bytes::Bytes;
use harness::{Client, Digest, Format, Image, Manifest, Registry, index_of, media_type};
use serde_json::json;

use crate::nothing::registry_is_empty;

const INVALID: &str = "MANIFEST_INVALID";

/// Pushes by tag and by the right digest; both must be refused as invalid.
#[track_caller]
fn is_invalid(client: &Client, media_type: &str, bytes: impl Into<Bytes>) {
    let manifest = Manifest {
        media_type: media_type.to_owned(),
        bytes: bytes.into(),
    };
    manifest.put(client, "a/b", "invalid").refused(400, INVALID);
    let digest = manifest.digest();
    manifest
        .put(client, "a/b", digest.as_str())
        .refused(400, INVALID);
    client.manifest("a/b", digest.as_str()).expect(404);
    client.blob("a/b", &digest).expect(404);
}

#[test]
fn what_is_no_manifest_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "whole").manifest;

    for text in [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        "{\"schemaVersion\":2",
        "\u{feff}{}",
    ] {
        is_invalid(&client, media_type::OCI_IMAGE, text);
        is_invalid(&client, media_type::DOCKER_INDEX, text);
    }
    is_invalid(&client, media_type::OCI_IMAGE, vec![0xff, 0xfe, 0x00]);
    is_invalid(
        &client,
        media_type::OCI_IMAGE,
        format!("{}{{}}", image.json()),
    );
    is_invalid(
        &client,
        media_type::OCI_IMAGE,
        image.with("schemaVersion", json!(3)).bytes,
    );
    is_invalid(
        &client,
        media_type::OCI_IMAGE,
        image.with("config", json!("x")).bytes,
    );
    is_invalid(
        &client,
        media_type::OCI_IMAGE,
        image.with("layers", json!({})).bytes,
    );
    registry_is_empty(registry);
}

#[test]
fn a_manifest_that_names_content_wrongly_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "whole").manifest;
    let config = |digest: &str, size: serde_json::Value| {
        let config = json!({ "mediaType": "a/b", "digest": digest, "size": size });
        image.with("config", config).bytes
    };
    let good = Digest::of(b"");

    for digest in [
        "",
        "sha256:abc",
        "sha256:../../etc/passwd",
        "md5:d41d8cd98f00b204e9800998ecf8",
    ] {
        is_invalid(&client, media_type::OCI_IMAGE, config(digest, json!(1)));
    }
    for size in [json!(-1), json!("1"), json!(1.5), json!(null), json!(1e300)] {
        is_invalid(&client, media_type::OCI_IMAGE, config(good.as_str(), size));
    }
    let subject = json!({ "mediaType": "a/b", "digest": "sha256:x", "size": 1 });
    is_invalid(
        &client,
        media_type::OCI_IMAGE,
        image.with("subject", subject).bytes,
    );
    registry_is_empty(registry);
}

#[test]
fn a_type_that_is_not_that_of_the_manifest_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let oci = Image::new(Format::Oci, "oci").manifest;
    let index = index_of(Format::Oci, &[]);

    is_invalid(&client, media_type::DOCKER_IMAGE, oci.bytes.clone());
    is_invalid(&client, media_type::OCI_INDEX, oci.bytes.clone());
    is_invalid(&client, media_type::OCI_IMAGE, index.bytes);
    for unknown in [
        "application/json",
        "text/plain",
        "application/octet-stream",
        "x",
    ] {
        is_invalid(&client, unknown, oci.bytes.clone());
    }
    // Obsolete, and its digest is not that of its bytes.
    let old = json!({ "schemaVersion": 1, "name": "a/b", "tag": "1", "fsLayers": [] });
    let types = ["v1+json", "v1+prettyjws"];
    for kind in types.map(|kind| format!("application/vnd.docker.distribution.manifest.{kind}")) {
        is_invalid(&client, &kind, old.to_string());
    }
    registry_is_empty(registry);
}

#[test]
fn a_body_that_is_image_and_index_at_once_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let both = Image::new(Format::Oci, "x")
        .manifest
        .with("manifests", json!([]));
    let mut untyped = both.json();
    untyped.as_object_mut().unwrap().remove("mediaType");

    is_invalid(&client, media_type::OCI_IMAGE, both.bytes);
    is_invalid(&client, media_type::OCI_IMAGE, untyped.to_string());
    is_invalid(&client, media_type::OCI_INDEX, untyped.to_string());
    registry_is_empty(registry);
}

/// Two readers could take two different values for the same key.
#[test]
fn a_key_said_twice_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let text = Image::new(Format::Oci, "x").manifest.json().to_string();

    let twice = text.replacen('{', "{\"layers\":[],", 1);
    is_invalid(&client, media_type::OCI_IMAGE, twice);
    let escaped = text.replacen('{', "{\"l\\u0061yers\":[],", 1);
    is_invalid(&client, media_type::OCI_IMAGE, escaped);
    registry_is_empty(registry);
}

/// Case does not count to Go's readers: podman would pull the second list.
#[test]
fn a_key_said_again_in_another_case_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let text = Image::new(Format::Oci, "x").manifest.json().to_string();

    for key in ["Layers", "layer\u{17f}", "Config", "MediaType", "subjecT"] {
        let again = text.replacen('{', &format!("{{\"{key}\":null,"), 1);
        is_invalid(&client, media_type::OCI_IMAGE, again);
    }
    registry_is_empty(registry);
}

#[test]
fn a_manifest_with_another_digest_than_its_path_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let manifest = index_of(Format::Oci, &[]);

    for wrong in [Digest::of(b"other"), Digest::sha512(b"other")] {
        manifest
            .put(&client, "a/b", wrong.as_str())
            .refused(400, "DIGEST_INVALID");
        let tagged = format!("{wrong}?tag=1");
        manifest
            .put(&client, "a/b", &tagged)
            .refused(400, "DIGEST_INVALID");
        client.manifest("a/b", wrong.as_str()).expect(404);
    }
    for malformed in crate::blobs::malformed_digests() {
        manifest
            .put(&client, "a/b", &malformed)
            .refused(400, "DIGEST_INVALID");
        let answer = client.manifest("a/b", &malformed);
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
    }
    registry_is_empty(registry);
}

#[test]
fn a_malformed_tag_is_refused_on_a_push_and_unknown_on_a_pull() {
    let registry = Registry::open();
    let client = registry.plain();
    let manifest = index_of(Format::Oci, &[]);

    for tag in [
        ".a",
        "-a",
        "a%20b",
        "a@b",
        "%C3%A9",
        "a%00",
        "a%0d%0ab",
        &"x".repeat(129),
    ] {
        let answer = manifest.put(&client, "a/b", tag).expect(400);
        assert!(
            ["NAME_INVALID", INVALID].contains(&answer.error_code().as_str()),
            "{answer}"
        );
        let answer = client.manifest("a/b", tag);
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
    }
    registry_is_empty(registry);
}
