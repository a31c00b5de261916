//! `storage.immutable_tags`: tags that are set once, by whatever route somebody tries again.

use harness::{Format, Image, Registry};

const RULES: &str = "[storage]\nimmutable_tags = [\"release/**:*\", \"app:v*\"]\n";

#[test]
fn an_immutable_tag_is_set_once() {
    let registry = Registry::with().config(RULES).start();
    let admin = registry.admin();
    let (first, second) = (Image::new(Format::Oci, "1"), Image::new(Format::Oci, "2"));

    // `latest` is a tag like any other.
    for (repository, tag) in [
        ("release/a", "latest"),
        ("release/a/b", "4.18"),
        ("app", "v1"),
    ] {
        first.push(&admin, repository, tag);
        second.push_blobs(&admin, repository);
        second
            .manifest
            .put(&admin, repository, tag)
            .refused(403, "DENIED");
        let by_digest = format!("{}?tag={tag}", second.digest());
        second
            .manifest
            .put(&admin, repository, &by_digest)
            .refused(403, "DENIED");
        // The same bytes again change nothing, so they are welcome.
        first.manifest.put(&admin, repository, tag).expect(201);
        let head = admin
            .head(format!("/v2/{repository}/manifests/{tag}"))
            .expect(200);
        assert_eq!(head.digest(), first.digest());
    }
    registry.finish().no_uploads();
}

#[test]
fn an_immutable_tag_cannot_be_freed_by_deleting_it() {
    let registry = Registry::with().config(RULES).start();
    let admin = registry.admin();
    let image = Image::new(Format::Oci, "1");
    image.push(&admin, "app", "v1");

    admin.delete("/v2/app/manifests/v1").refused(403, "DENIED");
    admin
        .delete(format!("/v2/app/manifests/{}", image.digest()))
        .refused(403, "DENIED");

    assert_eq!(
        admin.manifest("app", "v1").expect(200).digest(),
        image.digest()
    );
    registry.finish();
}

#[test]
fn tags_beside_the_pattern_move_freely() {
    let registry = Registry::with().config(RULES).start();
    let admin = registry.admin();
    let (first, second) = (Image::new(Format::Oci, "1"), Image::new(Format::Oci, "2"));

    for (repository, tag) in [("release", "latest"), ("release-b", "1"), ("app", "latest")] {
        first.push(&admin, repository, tag);
        second.push(&admin, repository, tag);
    }
    registry.finish();
}

#[test]
fn a_push_of_several_tags_with_an_immutable_one_among_them_sets_none() {
    let registry = Registry::with().config(RULES).start();
    let admin = registry.admin();
    let (first, second) = (Image::new(Format::Oci, "1"), Image::new(Format::Oci, "2"));
    first.push(&admin, "app", "v1");
    second.push_blobs(&admin, "app");

    let reference = format!("{}?tag=free&tag=v1", second.digest());
    second
        .manifest
        .put(&admin, "app", &reference)
        .refused(403, "DENIED");

    assert_eq!(admin.tags("app"), ["v1"]);
    assert_eq!(
        admin.manifest("app", "v1").expect(200).digest(),
        first.digest()
    );
    registry.finish();
}
