//! `PUT` of manifests by tag and by digest, and what its answer says.

use harness::{Digest, Format, Image, Manifest, Registry, index_of, media_type};
use serde_json::json;

#[test]
fn a_push_by_tag_says_where_the_manifest_is() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");

    let answer = image.push(&client, "a/b", "1").has("content-length", "0");

    assert_eq!(answer.digest(), image.digest());
    assert_eq!(
        answer.location(),
        format!("/v2/a/b/manifests/{}", image.digest())
    );
    let served = client.get(answer.location()).expect(200);
    assert_eq!(served.body, image.manifest.bytes);
    answer.lacks("oci-subject").lacks("warning");
    registry.finish().no_uploads();
}

#[test]
fn a_manifest_lives_by_its_digest_with_no_tag_at_all() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "untagged");

    let answer = image.push(&client, "a/b", image.digest().as_str());

    assert_eq!(answer.digest(), image.digest());
    assert!(client.tags("a/b").is_empty());
    assert_eq!(client.catalog(), ["a/b"]);
    let served = client.manifest("a/b", image.digest().as_str()).expect(200);
    assert_eq!(served.body, image.manifest.bytes);
    let truth = registry.finish().no_uploads();
    assert!(truth.repositories["a/b"].tags.is_empty());
}

#[test]
fn a_manifest_may_be_named_by_sha512() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "long");
    image.push_blobs(&client, "a/b");
    let digest = image.manifest.sha512();

    let answer = image
        .manifest
        .put(&client, "a/b", &format!("{digest}?tag=x"))
        .expect(201);

    assert_eq!(answer.digest(), digest);
    // A tag answers the digest that it was set with.
    assert_eq!(
        client.head("/v2/a/b/manifests/x").expect(200).digest(),
        digest
    );
    let served = client.manifest("a/b", digest.as_str()).expect(200);
    assert_eq!(
        (served.digest(), &served.body),
        (digest, &image.manifest.bytes)
    );
    registry.finish();
}

#[test]
fn a_tag_moves_and_what_it_left_stays() {
    let registry = Registry::open();
    let client = registry.plain();
    let (first, second) = (
        Image::new(Format::Oci, "1"),
        Image::new(Format::Docker, "2"),
    );

    first.push(&client, "a/b", "latest");
    second.push(&client, "a/b", "latest");
    second.push(&client, "a/b", "latest");

    assert_eq!(
        client.manifest("a/b", "latest").expect(200).body,
        second.manifest.bytes
    );
    let old = client.manifest("a/b", first.digest().as_str()).expect(200);
    assert_eq!(old.body, first.manifest.bytes);
    assert_eq!(client.tags("a/b"), ["latest"]);
    registry.finish();
}

#[test]
fn lists_and_layers_may_be_empty_or_repeat() {
    let registry = Registry::open();
    let client = registry.plain();
    let mut image = Image::new(Format::Oci, "layer");
    image.push_blobs(&client, "a/b");
    let layer = image.manifest.json()["layers"][0].clone();

    image
        .manifest
        .with("layers", json!([]))
        .put(&client, "a/b", "none")
        .expect(201);
    image.manifest = image.manifest.with("layers", json!([layer, layer, layer]));
    image.manifest.put(&client, "a/b", "thrice").expect(201);
    index_of(Format::Oci, &[])
        .put(&client, "a/b", "no-children")
        .expect(201);
    index_of(Format::Docker, &[])
        .put(&client, "a/b", "no-docker-children")
        .expect(201);
    let child = (&image.manifest, ("linux", "amd64"));
    index_of(Format::Oci, &[child, child])
        .put(&client, "a/b", "twins")
        .expect(201);

    assert_eq!(client.tags("a/b").len(), 5);
    registry.finish();
}

#[test]
fn types_nobody_has_heard_of_are_kept_inside_a_manifest() {
    let registry = Registry::open();
    let client = registry.plain();
    let config = client.push_blob("a/b", &"{}".into());
    let layer = client.push_blob("a/b", &"wasm".into());
    let manifest = Manifest::of(
        media_type::OCI_IMAGE,
        &json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_IMAGE,
            "artifactType": "application/vnd.example.thing+type",
            "config": {
                "mediaType": media_type::OCI_EMPTY, "digest": config.as_str(), "size": 2,
                "data": "e30=",
            },
            "layers": [{
                "mediaType": "application/wasm", "digest": layer.as_str(), "size": 4,
                "annotations": { "org.example": "é" }, "future": [1, { "a": null }],
            }],
            "future": true,
        }),
    );

    manifest
        .put(&client, "a/b", "wasm")
        .expect(201)
        .lacks("warning");

    assert_eq!(
        client.manifest("a/b", "wasm").expect(200).body,
        manifest.bytes
    );
    registry.finish();
}

#[test]
fn parameters_of_the_type_are_not_stored() {
    let registry = Registry::open();
    let client = registry.plain();
    let mut image = Image::new(Format::Oci, "charset");
    image.push_blobs(&client, "a/b");
    image.manifest.media_type += "; charset=utf-8";

    image.manifest.put(&client, "a/b", "1").expect(201);

    client
        .head("/v2/a/b/manifests/1")
        .expect(200)
        .has("content-type", media_type::OCI_IMAGE);
    registry.finish();
}

#[test]
fn without_a_type_the_manifest_speaks_for_itself() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Docker, "typed inside");
    image.push_blobs(&client, "a/b");

    let put = client.request(http::Method::PUT, "/v2/a/b/manifests/1");
    put.body(&image.manifest.bytes).send().expect(201);

    client
        .head("/v2/a/b/manifests/1")
        .expect(200)
        .has("content-type", media_type::DOCKER_IMAGE);
    registry.finish();
}

#[test]
fn the_answer_to_a_referrer_names_its_subject() {
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    subject.push(&client, "a/b", "1");
    let referrer = Image::referrer(&subject.manifest, "text/x-note", "a note");
    let digest = subject.digest();

    referrer
        .push(&client, "a/b", "note")
        .has("oci-subject", digest.as_str());
    let index = index_of(Format::Oci, &[]).with("subject", subject.manifest.descriptor());
    index
        .put(&client, "a/b", "index")
        .expect(201)
        .has("oci-subject", digest.as_str());
    // The subject need not be there (yet).
    let absent = Manifest::of(media_type::OCI_IMAGE, &json!({ "absent": true }));
    let early = Image::referrer(&absent, "text/x-note", "early");
    early
        .push(&client, "a/b", "early")
        .has("oci-subject", absent.digest().as_str());

    registry.finish();
}

#[test]
fn a_manifest_of_four_mebibytes_is_taken_and_one_byte_more_is_too_large() {
    const LIMIT: usize = 4 * 1024 * 1024;
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "large");
    image.push_blobs(&client, "a/b");
    let padded = |length: usize| {
        let bare = image
            .manifest
            .with("annotations", json!({ "pad": "" }))
            .bytes
            .len();
        let pad = "x".repeat(length - bare);
        image.manifest.with("annotations", json!({ "pad": pad }))
    };

    let largest = padded(LIMIT);
    assert_eq!(largest.bytes.len(), LIMIT);
    largest.put(&client, "a/b", "largest").expect(201);
    assert_eq!(
        client.manifest("a/b", "largest").expect(200).body,
        largest.bytes
    );

    let larger = padded(LIMIT + 1);
    larger.put(&client, "a/b", "larger").expect(413);
    larger
        .put(&client, "a/b", larger.digest().as_str())
        .expect(413);
    client.manifest("a/b", "larger").expect(404);
    client.blob("a/b", &Digest::of(&larger.bytes)).expect(404);
    registry.finish();
}
