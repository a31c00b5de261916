//! Deletes (end-9, end-10): what is named goes, at once, and nothing else.

use harness::{Client, Digest, Format, Image, Registry, index_of};

fn delete_manifest(client: &Client, reference: &str) -> harness::Response {
    client.delete(format!("/v2/a/b/manifests/{reference}"))
}

#[test]
fn deleting_a_tag_leaves_the_manifest_and_its_other_tags() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    image.push(&client, "a/b", "gone");
    image.push(&client, "a/b", "stays");

    delete_manifest(&client, "gone").expect(202);

    client
        .manifest("a/b", "gone")
        .refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(
        client.manifest("a/b", "stays").expect(200).body,
        image.manifest.bytes
    );
    client.manifest("a/b", image.digest().as_str()).expect(200);
    assert_eq!(client.tags("a/b"), ["stays"]);
    delete_manifest(&client, "stays").expect(202);
    assert!(client.tags("a/b").is_empty());
    client.manifest("a/b", image.digest().as_str()).expect(200);
    registry.finish();
}

#[test]
fn deleting_a_manifest_takes_all_its_tags_along() {
    let registry = Registry::open();
    let client = registry.plain();
    let (image, other) = (
        Image::new(Format::Oci, "one"),
        Image::new(Format::Oci, "two"),
    );
    image.push(&client, "a/b", "1");
    image.push(&client, "a/b", "2");
    other.push(&client, "a/b", "3");

    delete_manifest(&client, image.digest().as_str()).expect(202);

    for reference in ["1", "2", image.digest().as_str()] {
        client
            .manifest("a/b", reference)
            .refused(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(client.tags("a/b"), ["3"]);
    // Its blobs stay until they are collected, so it can come back.
    image
        .manifest
        .put(&client, "a/b", "again")
        .expect(201)
        .lacks("warning");
    registry.finish();
}

#[test]
fn deleting_an_index_leaves_its_children() {
    let registry = Registry::open();
    let client = registry.plain();
    let child = Image::new(Format::Oci, "child");
    child.push(&client, "a/b", child.digest().as_str());
    let index = index_of(Format::Oci, &[(&child.manifest, ("linux", "amd64"))]);
    index.put(&client, "a/b", "index").expect(201);

    delete_manifest(&client, index.digest().as_str()).expect(202);

    client.manifest("a/b", child.digest().as_str()).expect(200);
    registry.finish();
}

#[test]
fn what_is_not_there_cannot_be_deleted() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "here");
    image.push(&client, "a/b", "1");
    let nothing = Digest::of(b"nothing");

    delete_manifest(&client, "2").refused(404, "MANIFEST_UNKNOWN");
    delete_manifest(&client, nothing.as_str()).refused(404, "MANIFEST_UNKNOWN");
    client
        .delete(format!("/v2/a/b/blobs/{nothing}"))
        .refused(404, "BLOB_UNKNOWN");
    client
        .delete(format!("/v2/no/such/blobs/{nothing}"))
        .expect(404);
    client.delete("/v2/no/such/manifests/1").expect(404);
    // What another repository holds cannot be deleted through this one.
    client.push_blob("c", &"elsewhere".into());
    let elsewhere = Digest::of(b"elsewhere");
    client
        .delete(format!("/v2/a/b/blobs/{elsewhere}"))
        .refused(404, "BLOB_UNKNOWN");
    client.blob("c", &elsewhere).expect(200);
    registry.finish();
}

#[test]
fn a_deleted_blob_is_gone_from_its_repository_only() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());
    client.push_blob("c", &"bytes".into());

    client.delete(format!("/v2/a/b/blobs/{digest}")).expect(202);

    client.head(format!("/v2/a/b/blobs/{digest}")).expect(404);
    client
        .delete(format!("/v2/a/b/blobs/{digest}"))
        .refused(404, "BLOB_UNKNOWN");
    client.blob("c", &digest).expect(200);
    client.push_blob("a/b", &"bytes".into());
    client.blob("a/b", &digest).expect(200);
    registry.finish();
}

#[test]
fn where_deleting_is_disabled_nothing_stored_goes_away() {
    let registry = Registry::with()
        .config("[storage]\ndelete = false\n")
        .start();
    let admin = registry.admin();
    let subject = Image::new(Format::Oci, "kept");
    subject.push(&admin, "a/b", "1");
    let referrer = Image::referrer(&subject.manifest, "text/x", "kept as well");
    referrer.push(&admin, "a/b", referrer.digest().as_str());

    let layer = Digest::of(&subject.layers[0]);
    for path in [
        "/v2/a/b/manifests/1".to_owned(),
        format!("/v2/a/b/manifests/{}", subject.digest()),
        format!("/v2/a/b/manifests/{}", referrer.digest()),
        format!("/v2/a/b/blobs/{layer}"),
    ] {
        admin.delete(&path).refused(405, "UNSUPPORTED");
        admin.get(path).expect(200);
    }
    assert_eq!(admin.tags("a/b"), ["1"]);
    assert_eq!(admin.referrers("a/b", &subject.digest()).len(), 1);
    // Nothing was stored yet of an upload that is given up, and podman gives up many.
    let location = admin.start_upload("a/b");
    admin.delete(location).expect(204);
    registry.finish().no_uploads();
}

#[test]
fn what_was_deleted_stays_deleted_after_a_restart_without_the_index() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let (image, other) = (
        Image::new(Format::Oci, "one"),
        Image::new(Format::Oci, "two"),
    );
    image.push(&client, "a/b", "1");
    other.push(&client, "a/b", "2");
    delete_manifest(&client, image.digest().as_str()).expect(202);

    registry.kill();
    std::fs::remove_dir_all(registry.data().join("index")).expect("the index is a directory");
    registry.start_again();

    client.manifest("a/b", "1").expect(404);
    client.manifest("a/b", image.digest().as_str()).expect(404);
    assert_eq!(client.tags("a/b"), ["2"]);
    registry.finish();
}
