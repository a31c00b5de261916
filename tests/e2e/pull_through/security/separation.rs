//! What one upstream has is not served as another's.

use harness::{Anonymous, Digest, Format, Image, Registry, Upstream};

use crate::pull_through::section;

/// A registry before two upstreams, `one.example` and this other.
#[track_caller]
fn between(one: &Upstream, other: &Upstream, name: &str, more: &str) -> Registry {
    let one = section(one, "").replace("up.example", "one.example");
    let other = section(other, more).replace("up.example", name);
    Registry::with()
        .config(format!("{one}{other}"))
        .anonymous(Anonymous::Pull)
        .start()
}

#[test]
fn what_one_upstream_does_not_have_is_not_asked_of_another() {
    let (one, other) = (Upstream::start(), Upstream::start());
    let image = Image::new(Format::Oci, "of the other");
    other.put("a/b", "1", &image);
    other.put("one.example/a/b", "1", &image);
    for (name, more) in [
        ("other.example", ""),
        // All that nobody else has is this one's, and yet not this.
        ("other.example", "prefix = \"\""),
        ("other.example", "prefix = \"one\""),
    ] {
        let registry = between(&one, &other, name, more);
        let client = registry.plain();
        client.manifest("one.example/a/b", "1").expect(404);
        let digest = image.digest();
        client
            .manifest("one.example/a/b", digest.as_str())
            .expect(404);
        client
            .blob("one.example/a/b", &Digest::of(&image.config))
            .expect(404);
        client.get("/v2/a/b/manifests/1?ns=one.example").expect(404);
        assert_eq!(other.connections(), 0, "{more}");
        registry.finish().no_uploads();
    }
}

#[test]
fn a_blob_of_one_upstream_is_not_shown_where_another_does_not_have_it() {
    let (one, other) = (Upstream::start(), Upstream::start());
    let image = Image::new(Format::Oci, "of one");
    one.put("a/b", "1", &image);
    other.put("c/d", "1", &Image::new(Format::Oci, "of the other"));
    let registry = between(&one, &other, "other.example", "");
    let client = registry.plain();
    let layer = Digest::of(&image.layers[0]);
    client.manifest("one.example/a/b", "1").expect(200);
    client.blob("one.example/a/b", &layer).expect(200);
    client.manifest("other.example/c/d", "1").expect(200);
    for repository in ["other.example/c/d", "other.example/a/b", "one.example/c/d"] {
        client.blob(repository, &layer).expect(404);
        client
            .head(format!("/v2/{repository}/blobs/{layer}"))
            .expect(404);
        client
            .manifest(repository, image.digest().as_str())
            .expect(404);
    }
    registry.finish().no_uploads();
}

#[test]
fn a_mirror_of_an_upstream_is_asked_when_that_is_down() {
    let (mut one, mirror) = (Upstream::start(), Upstream::start());
    let image = Image::new(Format::Oci, "of both");
    mirror.put("a/b", "1", &image);
    let urls = format!("urls = [\"{}\", \"{}\"]", one.url(), mirror.url());
    let config = section(&one, "");
    let config = config.replace(&format!("urls = [\"{}\"]", one.url()), &urls);
    one.stop();
    let registry = Registry::with().config(config).start();
    let answer = registry.plain().manifest("up.example/a/b", "1").expect(200);
    assert_eq!(answer.digest(), image.digest());
    registry.finish().no_uploads();
}
