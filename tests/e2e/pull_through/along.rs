//! What belongs to an image: lists, signatures, referrers.

use harness::upstream::Referrers;
use harness::{Format, Image, Upstream, eventually};

use super::registry;

#[test]
fn tags_are_listed_as_the_upstream_has_them_and_as_they_are_held_when_it_is_down() {
    let mut upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    for tag in ["1", "2"] {
        upstream.put("a/b", tag, &image);
    }
    let registry = registry(&upstream, "");
    let client = registry.plain();
    assert_eq!(client.tags("up.example/a/b"), ["1", "2"]);
    client.get("/v2/up.example/none/tags/list").expect(404);
    let first = client.get("/v2/up.example/a/b/tags/list?n=1").expect(200);
    assert!(first.must("link").contains("last=1"));
    client.manifest("up.example/a/b", "2").expect(200);
    let mut registry = registry;
    registry.restart();
    upstream.stop();
    let client = registry.plain();
    let held = client.get("/v2/up.example/a/b/tags/list").expect(200);
    assert_eq!(held.json()["tags"], serde_json::json!(["2"]));
    assert!(held.must("warning").starts_with("299 - \"stale: "));
    client.get("/v2/up.example/c/d/tags/list").expect(502);
    registry.finish().no_uploads();
}

#[test]
fn signatures_are_here_before_anybody_asks_for_them() {
    for referrers in [Referrers::Api, Referrers::Tag] {
        let mut upstream = Upstream::with().referrers(referrers).start();
        let image = Image::new(Format::Oci, "x");
        let sbom = Image::referrer(&image.manifest, "application/x.sbom", "text");
        let tag = image.digest().as_str().replace(':', "-") + ".sig";
        upstream.put("a/b", "1", &image);
        upstream.put("a/b", &tag, &Image::new(Format::Oci, "signature"));
        upstream.put("a/b", sbom.digest().as_str(), &sbom);
        let registry = registry(&upstream, "");
        registry.plain().manifest("up.example/a/b", "1").expect(200);
        let tags = registry.data().join("repos/up.example/a/b/_tags");
        let blob = harness::Digest::of(&sbom.layers[0]);
        let blob = registry
            .data()
            .join("repos/up.example/a/b/_blobs/sha256")
            .join(blob.hex());
        eventually("all has come along", || {
            tags.join(&tag).exists() && blob.exists()
        });
        upstream.stop();
        let client = registry.plain();
        client.manifest("up.example/a/b", &tag).expect(200);
        let listed = client.referrers("up.example/a/b", &image.digest());
        assert_eq!(listed.len(), 1, "{referrers:?}");
        client
            .manifest("up.example/a/b", sbom.digest().as_str())
            .expect(200);
        registry.finish();
    }
}

#[test]
fn a_namespace_that_counted_is_said_back() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &Image::new(Format::Oci, "x"));
    let registry = registry(&upstream, "");
    let client = registry.plain();
    let answer = client.get("/v2/a/b/manifests/1?ns=up.example").expect(200);
    assert_eq!(answer.must("oci-namespace"), "up.example");
    client
        .get("/v2/up.example/a/b/manifests/1?ns=elsewhere.example")
        .expect(200)
        .lacks("oci-namespace");
    registry.finish().no_uploads();
}
