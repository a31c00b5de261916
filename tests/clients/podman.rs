//! podman and buildah: build from scratch, push, pull, manifest lists.

use harness::tools::Containers;
use harness::{Digest, Format, Image, Registry, media_type};

use crate::lab::Lab;

#[test]
fn an_image_built_from_scratch_comes_back_from_the_registry() {
    let Some(lab) = Lab::logged_in() else { return };
    let name = lab.image("podman/built:1");
    lab.containers.build(&name, "built from scratch");
    let id = |lab: &Lab| {
        lab.containers
            .podman(&["image", "inspect", "--format", "{{.Id}}", &name])
            .ok()
    };
    let built = id(&lab);

    lab.containers.podman(&["push", &name]).ok();
    lab.containers.forget_images();
    lab.containers.logout();
    lab.containers.podman(&["pull", &name]).ok();

    assert_eq!(id(&lab), built);
    lab.registry.finish().no_uploads();
}

#[track_caller]
fn check_that_a_pushed_format_is_kept(format: &str, expected: &str) {
    let Some(lab) = Lab::logged_in() else { return };
    let name = lab.image("buildah/format:1");
    lab.containers.build(&name, "in a certain format");
    let target = format!("docker://{name}");

    lab.containers
        .buildah(&["push", "--format", format, &name, &target])
        .ok();

    let stored = lab.client.manifest("buildah/format", "1").expect(200);
    assert_eq!(stored.must("content-type"), expected);
    assert_eq!(stored.digest(), Digest::of(&stored.body));
    lab.containers.forget_images();
    lab.containers.buildah(&["pull", &name]).ok();
    lab.registry.finish().no_uploads();
}

#[test]
fn what_buildah_pushes_as_oci_stays_oci() {
    check_that_a_pushed_format_is_kept("oci", media_type::OCI_IMAGE);
}

#[test]
fn what_buildah_pushes_as_docker_stays_docker() {
    check_that_a_pushed_format_is_kept("v2s2", media_type::DOCKER_IMAGE);
}

#[test]
fn a_manifest_list_is_pushed_with_all_its_images() {
    let Some(lab) = Lab::logged_in() else { return };
    let list = lab.image("buildah/list:1");
    lab.containers.buildah(&["manifest", "create", &list]).ok();
    for architecture in ["amd64", "arm64"] {
        let image = lab.image(&format!("buildah/for-{architecture}:1"));
        lab.containers.build(&image, architecture);
        let add = [
            "manifest",
            "add",
            "--os",
            "linux",
            "--arch",
            architecture,
            &list,
            &image,
        ];
        lab.containers.buildah(&add).ok();
    }

    lab.containers
        .buildah(&[
            "manifest",
            "push",
            "--all",
            &list,
            &format!("docker://{list}"),
        ])
        .ok();

    let stored = lab.client.manifest("buildah/list", "1").expect(200).json();
    let children = stored["manifests"].as_array().expect("an index").clone();
    assert_eq!(children.len(), 2, "{stored}");
    for child in children {
        let digest = child["digest"].as_str().expect("a digest");
        lab.client.manifest("buildah/list", digest).expect(200);
    }
    lab.containers.forget_images();
    lab.containers
        .podman(&["pull", "--arch", "arm64", &list])
        .ok();
    lab.registry.finish().no_uploads();
}

#[test]
fn podman_pulls_by_digest() {
    let Some(lab) = Lab::logged_in() else { return };
    let name = lab.image("podman/by-digest:1");
    lab.containers.build(&name, "named by its digest");
    lab.containers.podman(&["push", &name]).ok();
    let digest = lab
        .client
        .head("/v2/podman/by-digest/manifests/1")
        .expect(200)
        .digest();
    lab.containers.forget_images();

    lab.containers
        .podman(&["pull", &lab.image(&format!("podman/by-digest@{digest}"))])
        .ok();

    lab.registry.finish().no_uploads();
}

#[test]
fn the_second_push_of_a_layer_moves_it_between_repositories() {
    let Some(lab) = Lab::logged_in() else { return };
    let first = lab.image("podman/first:1");
    lab.containers.build(&first, "pushed once");
    lab.containers.podman(&["push", &first]).ok();

    lab.containers
        .podman(&["push", &first, &lab.image("podman/second:1")])
        .ok();

    let truth = lab.registry.finish().no_uploads();
    let layers = |name: &str| truth.repositories[name].blobs.clone();
    assert_eq!(layers("podman/first"), layers("podman/second"));
}

#[test]
fn podman_trusts_the_registry_through_the_directory_that_ca_export_writes() {
    let Some(containers) = Containers::new() else {
        return;
    };
    let registry = Registry::open();
    let host = registry.host();
    Image::new(Format::Oci, "trusted").push(&registry.client(), "podman/trusted", "1");
    let pull = ["pull", &format!("{host}/podman/trusted:1")];

    let refusal = containers.podman(&pull).failed();
    assert!(refusal.contains("x509"), "{refusal}");
    let certs = containers.scratch().join(".config/containers/certs.d");
    let certs = certs.to_str().expect("scratch paths are text");
    let export = [
        "ca",
        "export",
        "--format",
        "certs.d",
        "--address",
        &host,
        "--to",
        certs,
    ];
    registry.command(&export, "").ok();
    containers.podman(&pull).ok();

    registry.finish().no_uploads();
}
