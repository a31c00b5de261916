//! `GET` and `HEAD` of manifests: the bytes and the type of the push, whatever `Accept` says.

use bytes::Bytes;
use harness::{Client, Format, Image, Manifest, Registry, Response, index_of, media_type};
use http::Method;
use serde_json::json;

fn accepting(client: &Client, path: &str, accept: &[&str]) -> Response {
    let request = client.request(Method::GET, path);
    accept
        .iter()
        .fold(request, |request, line| request.header("accept", line))
        .send()
}

#[track_caller]
fn is_served(client: &Client, manifest: &Manifest, path: &str) {
    let digest = manifest.digest();
    let described = |answer: Response| {
        answer
            .expect(200)
            .has("content-type", &manifest.media_type)
            .has("content-length", &manifest.bytes.len().to_string())
            .has("docker-content-digest", digest.as_str())
            .has("etag", &format!("\"{digest}\""))
            .lacks("content-encoding")
    };
    assert_eq!(described(client.get(path)).body, manifest.bytes);
    described(client.head(path));
}

#[test]
fn every_kind_of_manifest_is_served_as_it_was_pushed() {
    let registry = Registry::open();
    let client = registry.plain();

    for (format, repository) in [(Format::Oci, "oci"), (Format::Docker, "docker")] {
        let image = Image::new(format, "one");
        let other = Image::for_platform(format, ("linux", "arm64"), &["two", "three"]);
        let index = index_of(
            format,
            &[
                (&image.manifest, ("linux", "amd64")),
                (&other.manifest, ("linux", "arm64")),
            ],
        );
        image.push(&client, repository, "image");
        other.push(&client, repository, other.digest().as_str());
        index.put(&client, repository, "index").expect(201);

        for (manifest, tag) in [(&image.manifest, Some("image")), (&index, Some("index"))]
            .into_iter()
            .chain([(&other.manifest, None)])
        {
            let digest = manifest.digest();
            is_served(
                &client,
                manifest,
                &format!("/v2/{repository}/manifests/{digest}"),
            );
            if let Some(tag) = tag {
                is_served(
                    &client,
                    manifest,
                    &format!("/v2/{repository}/manifests/{tag}"),
                );
            }
        }
    }
    registry.finish().no_uploads();
}

#[test]
fn the_bytes_of_a_manifest_are_kept_to_the_last_space() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "spaces");
    image.push_blobs(&client, "a/b");
    let text = serde_json::to_string_pretty(&image.manifest.json()).unwrap();
    let odd = text.replace(
        "\"layers\"",
        "\"unknown\": 1.50e2,\n \"x\":\"\\u00e9/é\", \"layers\"",
    );
    let manifest = Manifest {
        media_type: media_type::OCI_IMAGE.to_owned(),
        bytes: Bytes::from(format!("\n\t{odd}\r\n \n")),
    };

    manifest.put(&client, "a/b", "odd").expect(201);

    is_served(&client, &manifest, "/v2/a/b/manifests/odd");
    registry.finish();
}

#[test]
fn what_is_stored_is_served_whatever_the_client_accepts() {
    let registry = Registry::open();
    let client = registry.plain();
    let oci = Image::new(Format::Oci, "oci");
    let list = index_of(Format::Docker, &[(&oci.manifest, ("linux", "amd64"))]);
    oci.push(&client, "a/b", "oci");
    list.put(&client, "a/b", "list").expect(201);

    for accept in [
        &[][..],
        &["*/*"],
        &[media_type::DOCKER_IMAGE],
        &["application/json", media_type::OCI_INDEX],
        &["text/html;q=0.9"],
    ] {
        let answer = accepting(&client, "/v2/a/b/manifests/oci", accept).expect(200);
        assert_eq!(answer.must("content-type"), media_type::OCI_IMAGE);
        assert_eq!(answer.body, oci.manifest.bytes);
        // Never one image in place of the list: its digest would be another.
        let answer = accepting(&client, "/v2/a/b/manifests/list", accept).expect(200);
        assert_eq!(answer.must("content-type"), media_type::DOCKER_INDEX);
        assert_eq!(answer.body, list.bytes);
    }
    registry.finish();
}

#[test]
fn a_client_that_holds_a_manifest_is_told_so() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "held");
    image.push(&client, "a/b", "1");
    let digest = image.digest();
    let ask = |condition: &str| {
        let request = client.request(Method::GET, "/v2/a/b/manifests/1");
        request.header("if-none-match", condition).send()
    };

    for held in [
        format!("\"{digest}\""),
        digest.to_string(),
        format!("W/\"{digest}\""),
    ] {
        let answer = ask(&held).expect(304).has("etag", &format!("\"{digest}\""));
        assert!(answer.body.is_empty(), "{answer}");
    }
    assert_eq!(ask("\"other\"").expect(200).body, image.manifest.bytes);
    registry.finish();
}

#[test]
fn what_is_not_there_is_unknown() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "known");
    image.push(&client, "a/b", "1");
    let other = Image::new(Format::Oci, "unknown").digest();

    client.manifest("a/b", "2").refused(404, "MANIFEST_UNKNOWN");
    client
        .manifest("a/b", other.as_str())
        .refused(404, "MANIFEST_UNKNOWN");
    client.manifest("no/such", "1").expect(404);
    client.head("/v2/a/b/manifests/2").expect(404);
    // A layer is no manifest, a manifest is no layer, and another repository is another.
    let layer = harness::Digest::of(&image.layers[0]);
    client
        .manifest("a/b", layer.as_str())
        .refused(404, "MANIFEST_UNKNOWN");
    client.manifest("a", image.digest().as_str()).expect(404);
    client.push_blob("a", &"bytes".into());
    client
        .manifest("a", image.digest().as_str())
        .refused(404, "MANIFEST_UNKNOWN");
    registry.finish();
}

#[test]
fn errors_have_the_form_of_the_specification() {
    let registry = Registry::open();
    let client = registry.plain();
    client.push_blob("a/b", &"bytes".into());

    let answer = client.manifest("a/b", "none").expect(404);

    let kind = answer.must("content-type");
    assert!(kind.starts_with("application/json"), "{kind}");
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], json!("MANIFEST_UNKNOWN"));
    assert_eq!(error["message"], json!("manifest unknown"));
    registry.finish();
}
