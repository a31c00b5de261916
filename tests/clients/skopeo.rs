//! skopeo: copies between repositories and directories, formats, digests, inspection, deletion.

use harness::{Client, Format, Image, Manifest, index_of, media_type};

use crate::lab::Lab;

/// Pushes a list of two images as `<repository>:1`.
#[track_caller]
fn push_list(client: &Client, format: Format, repository: &str) -> Manifest {
    let amd64 = Image::for_platform(format, ("linux", "amd64"), &["shared", "for amd64"]);
    let arm64 = Image::for_platform(format, ("linux", "arm64"), &["shared", "for arm64"]);
    for image in [&amd64, &arm64] {
        image.push(client, repository, image.digest().as_str());
    }
    let platforms = [
        (&amd64.manifest, ("linux", "amd64")),
        (&arm64.manifest, ("linux", "arm64")),
    ];
    let list = index_of(format, &platforms);
    list.put(client, repository, "1").expect(201);
    list
}

#[track_caller]
fn check_that_copy_all_keeps_every_byte(format: Format) {
    let Some(lab) = Lab::logged_in() else { return };
    let list = push_list(&lab.client, format, "skopeo/source");
    let (source, copy) = (lab.docker("skopeo/source:1"), lab.docker("skopeo/copy:2"));

    lab.containers
        .skopeo(&["copy", "--all", &source, &copy])
        .ok();

    let copied = lab.client.manifest("skopeo/copy", "2").expect(200);
    assert_eq!(copied.body, list.bytes);
    assert_eq!(copied.must("content-type"), list.media_type);
    let truth = lab.registry.finish().no_uploads();
    let [source, copy] = ["skopeo/source", "skopeo/copy"].map(|name| &truth.repositories[name]);
    assert_eq!(source.manifests, copy.manifests);
    assert_eq!(source.blobs, copy.blobs);
}

#[test]
fn copy_all_keeps_every_byte_of_an_oci_index() {
    check_that_copy_all_keeps_every_byte(Format::Oci);
}

#[test]
fn copy_all_keeps_every_byte_of_a_docker_list() {
    check_that_copy_all_keeps_every_byte(Format::Docker);
}

#[track_caller]
fn check_that_a_conversion_is_stored(from: Format, to: &str, expected: &str) {
    let Some(lab) = Lab::logged_in() else { return };
    Image::new(from, "to be converted").push(&lab.client, "skopeo/original", "1");
    let (source, copy) = (
        lab.docker("skopeo/original:1"),
        lab.docker("skopeo/converted:1"),
    );

    lab.containers
        .skopeo(&["copy", "--format", to, &source, &copy])
        .ok();

    let stored = lab.client.manifest("skopeo/converted", "1").expect(200);
    assert_eq!(stored.must("content-type"), expected);
    lab.registry.finish().no_uploads();
}

#[test]
fn an_oci_image_is_stored_as_docker_when_skopeo_converts_it() {
    check_that_a_conversion_is_stored(Format::Oci, "v2s2", media_type::DOCKER_IMAGE);
}

#[test]
fn a_docker_image_is_stored_as_oci_when_skopeo_converts_it() {
    check_that_a_conversion_is_stored(Format::Docker, "oci", media_type::OCI_IMAGE);
}

#[test]
fn an_image_is_pulled_and_pushed_by_digest_with_no_tag_at_all() {
    let Some(lab) = Lab::logged_in() else { return };
    let image = Image::new(Format::Oci, "without a tag");
    let digest = image.digest();
    image.push(&lab.client, "skopeo/untagged", digest.as_str());
    let source = lab.docker(&format!("skopeo/untagged@{digest}"));
    let target = lab.docker(&format!("skopeo/moved@{digest}"));
    let dir = format!("dir:{}", lab.containers.scratch().dir("image").display());

    lab.containers.skopeo(&["copy", &source, &dir]).ok();
    lab.containers.skopeo(&["copy", &dir, &target]).ok();

    assert_eq!(
        lab.client
            .manifest("skopeo/moved", digest.as_str())
            .expect(200)
            .body,
        image.manifest.bytes
    );
    assert_eq!(lab.client.tags("skopeo/moved"), [""; 0]);
    lab.registry.finish().no_uploads();
}

#[test]
fn inspect_tells_digest_tags_and_layers() {
    let Some(lab) = Lab::logged_in() else { return };
    let image = Image::for_platform(Format::Oci, ("linux", "amd64"), &["one", "two"]);
    image.push(&lab.client, "skopeo/inspected", "b");
    image.push(&lab.client, "skopeo/inspected", "a");

    let told = lab
        .containers
        .skopeo(&["inspect", &lab.docker("skopeo/inspected:a")])
        .ok();

    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["Digest"], image.digest().as_str());
    assert_eq!(told["RepoTags"], serde_json::json!(["a", "b"]));
    assert_eq!(told["Layers"].as_array().map(Vec::len), Some(2));
    lab.registry.finish().no_uploads();
}

#[test]
fn delete_is_for_administrators_and_takes_the_manifest_with_its_tags() {
    let Some(lab) = Lab::logged_in() else { return };
    let image = Image::new(Format::Oci, "to be deleted");
    image.push(&lab.client, "skopeo/deleted", "1");
    image.push(&lab.client, "skopeo/deleted", "2");
    let target = lab.docker("skopeo/deleted:1");

    lab.containers.skopeo(&["delete", &target]).failed();
    lab.client
        .head("/v2/skopeo/deleted/manifests/1")
        .expect(200);
    lab.containers
        .login(&lab.host, "admin", &lab.registry.admin_password())
        .ok();
    lab.containers.skopeo(&["delete", &target]).ok();

    for reference in ["1", "2", image.digest().as_str()] {
        lab.client
            .manifest("skopeo/deleted", reference)
            .refused(404, "MANIFEST_UNKNOWN");
    }
    lab.registry.finish().no_uploads();
}

#[test]
fn sync_carries_every_tag_out_to_a_directory_and_back() {
    let Some(lab) = Lab::logged_in() else { return };
    let list = push_list(&lab.client, Format::Oci, "skopeo/synced");
    let single = Image::new(Format::Docker, "alone");
    single.push(&lab.client, "skopeo/synced", "2");
    let dir = lab.containers.scratch().dir("synced").display().to_string();
    let back = lab.image("back");

    let out = [
        "sync",
        "--all",
        "--src",
        "docker",
        "--dest",
        "dir",
        &lab.image("skopeo/synced"),
        &dir,
    ];
    lab.containers.skopeo(&out).ok();
    lab.containers
        .skopeo(&[
            "sync", "--all", "--src", "dir", "--dest", "docker", &dir, &back,
        ])
        .ok();

    assert_eq!(
        lab.client.manifest("back/synced", "1").expect(200).body,
        list.bytes
    );
    assert_eq!(
        lab.client.manifest("back/synced", "2").expect(200).body,
        single.manifest.bytes
    );
    lab.registry.finish().no_uploads();
}
