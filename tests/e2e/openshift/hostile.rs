//! Payloads that are not what they should be, though they are signed: refused before anything of them is
//! published, whatever their layers hold.

use std::iter::repeat_n;

use harness::layer::{Kind, Tar, compressed, gzip};
use harness::openshift::{Component, Recipe, Release, name};
use harness::{Digest, Format, Manifest};
use serde_json::{Value, json};

use super::World;

/// The most memory that a payload may take, however it is made: a fraction of what bombs unpack to.
const MEMORY: u64 = 150 << 20;

const REFERENCES: &str = "release-manifests/image-references";

/// Insists that a release is refused, that this is said, and that nothing comes of it.
#[track_caller]
fn check(recipe: Recipe, because: &str) {
    let release = recipe.build();
    let Some(mut world) = World::of(&release) else {
        return;
    };
    let words = ["release", &release.tag()];
    let told = world.mirror(&words).fails(1);
    assert!(told.starts_with("error: "), "{told}");
    assert!(told.contains("because: "), "{told}");
    assert!(told.contains(because), "{told}");
    let peak = world.registry.server().peak();
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    world.check_that_nothing_is_here();
}

/// A release whose image-references say this.
fn saying(references: Value) -> Recipe {
    Release::typical().references(references)
}

/// A release with one component more, which image-references describe like this.
fn naming(name: &str, kind: &str, from: &str) -> Recipe {
    let tag = json!({ "name": name, "from": { "kind": kind, "name": from } });
    saying(json!({ "spec": { "tags": [tag] } }))
}

#[test]
fn references_that_are_no_image_stream_are_refused() {
    check(saying(json!({ "kind": "Secret" })), "image-references");
    check(saying(json!({ "apiVersion": "v1" })), "image-references");
    check(saying(json!({ "spec": [] })), "no components");
    let text = Tar::new().file(REFERENCES, "kind: ImageStream");
    check(Release::typical().above(text.gzip()), "image-references");
    let deep = "[".repeat(1 << 20);
    let deep = Tar::new().file(REFERENCES, deep);
    check(Release::typical().above(deep.gzip()), "image-references");
}

#[test]
fn components_that_are_not_named_by_digest_alone_are_refused() {
    let place = format!("{}/{}", name::QUAY, name::COMPONENTS);
    let digest = Digest::of(b"");
    for from in [
        format!("{place}:4.18"),
        format!("{place}:4.18@{digest}"),
        place.clone(),
        format!("{place}@sha256:0123"),
        format!("../../etc@{digest}"),
        String::new(),
    ] {
        check(naming("cli", "DockerImage", &from), "cli");
    }
}

#[test]
fn names_that_cannot_stand_in_a_tag_are_refused() {
    let from = format!("{}/{}@{}", name::QUAY, name::COMPONENTS, Digest::of(b""));
    for component in ["../../etc/passwd", "a b", "", "a\nb", &"a".repeat(200)] {
        check(naming(component, "DockerImage", &from), "");
    }
    let metadata = |version: &str| {
        let named = json!({ "metadata": { "name": version } });
        let recipe = Release::typical().references(named);
        recipe.metadata(Some(json!({ "version": version })))
    };
    for version in ["../../../etc/cron.d/x", "4.18.7 x", "-", ""] {
        check(metadata(version), "");
    }
}

#[test]
fn an_image_without_references_is_no_release() {
    let gone = Tar::new().whiteout(REFERENCES);
    check(Release::typical().above(gone.gzip()), "release-manifests");
    let gone = Tar::new().opaque("release-manifests");
    check(Release::typical().above(gone.gzip()), "release-manifests");
    let gone = Tar::new().whiteout("release-manifests");
    check(Release::typical().above(gone.gzip()), "release-manifests");
}

#[test]
fn links_and_devices_in_place_of_references_lead_nowhere() {
    let with = |kind: Kind, target: &str| {
        let layer = Tar::new().entry(kind, REFERENCES, target, b"");
        Release::typical().above(layer.gzip())
    };
    check(with(Kind::SymbolicLink, "/etc/passwd"), "");
    check(with(Kind::SymbolicLink, "../../../../../../etc/passwd"), "");
    check(with(Kind::SymbolicLink, "image-references"), "");
    check(with(Kind::HardLink, "../../../../etc/passwd"), "");
    check(with(Kind::Device, ""), "");
    check(with(Kind::Directory, ""), "");
}

#[test]
fn names_that_lead_out_of_the_image_are_not_followed() {
    let outside = Tar::new()
        .file("../../../../tmp/roadstead-was-here", "x")
        .file("/tmp/roadstead-was-here", "x")
        .symbolic_link("release-manifests/up", "/tmp")
        .file("release-manifests/up/roadstead-was-here", "x")
        .hard_link("release-manifests/passwd", "/etc/passwd");
    let release = Release::typical().above(outside.gzip()).build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let told = world.mirror(&["release", &release.tag()]);
    assert!(!std::path::Path::new("/tmp/roadstead-was-here").exists());
    // Whether such a layer is refused or only passed over, there is no third way.
    if told.code == Some(0) {
        world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
        world.registry.finish().no_uploads();
    } else {
        told.fails(1);
        world.check_that_nothing_is_here();
    }
}

#[test]
fn layers_that_unpack_to_far_more_than_they_should_are_refused() {
    let block = vec![b' '; 1 << 20];
    let bomb = |path: &str, mebibytes: usize| {
        let size = (mebibytes as u64) << 20;
        let head = Tar::new().announced(Kind::File, path, "", size);
        let head = head.bytes();
        let head = &head[..head.len() - 1024];
        let body = repeat_n(&block[..], mebibytes);
        compressed([head].into_iter().chain(body))
    };
    check(Release::typical().above(bomb(REFERENCES, 400)), "");
    let twice = compressed([bomb(REFERENCES, 400)]);
    check(Release::typical().above(twice), "");
}

#[test]
fn archives_that_are_cut_off_or_none_are_refused() {
    check(Release::typical().above(gzip(b"not an archive")), "");
    check(Release::typical().above(b"not even gzip".to_vec()), "");
    let announced = Tar::new().announced(Kind::File, REFERENCES, "", 1 << 40);
    check(Release::typical().above(announced.gzip()), "");
    let mut cut = Tar::new().file(REFERENCES, "{}").gzip();
    cut.truncate(cut.len() / 2);
    check(Release::typical().above(cut), "");
}

#[test]
fn a_release_image_that_is_not_what_its_digest_says_is_refused() {
    let release = Release::typical().build();
    let layer = release.image.layers.last().expect("it has layers");
    let Some(world) = World::of(&release) else {
        return;
    };
    // One byte of text within: gzip stores it, and its checksum is nobody's here.
    let mut changed = layer.to_vec();
    let at = changed.windows(4).position(|text| text == b"etcd");
    changed[at.expect("the layer is not compressed")] = b'E';
    world
        .quay
        .put_blob_as(name::RELEASES, &Digest::of(layer), changed);
    let told = world.mirror(&["release", &release.tag()]).fails(1);
    assert!(told.contains("because: "), "{told}");
    world.check_that_nothing_is_here();
}

#[test]
fn another_manifest_under_the_digest_that_was_asked_for_is_refused() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let other: Manifest = release
        .image
        .manifest
        .with("annotations", json!({ "a": "b" }));
    let digest = release.digest();
    world
        .quay
        .put_manifest(name::RELEASES, digest.as_str(), &other);
    let told = world.mirror(&["release", digest.as_str()]).fails(1);
    assert!(told.contains(digest.as_str()), "{told}");
    world.check_that_nothing_is_here();
}

#[test]
fn the_top_layer_decides_what_a_release_consists_of() {
    let component = Component::small("the-only-one");
    let inner = Release::with("4.18.7").component(component).build();
    let top = inner.image.layers.last().expect("it has layers").to_vec();
    let recipe = Release::typical().above(top);
    let image = recipe.build().image;
    let release = Release { image, ..inner };
    let Some(world) = World::of(&release) else {
        return;
    };
    let report = world.document(&["release", &release.tag()], 0);
    assert_eq!(report["release"]["components"], 1);
    let tags = world.registry.plain().tags(name::OUR_COMPONENTS);
    assert_eq!(tags, ["4.18.7-x86_64-the-only-one"]);
    world.registry.finish().no_uploads();
}

#[test]
fn a_release_image_that_is_compressed_with_care_is_read_as_well() {
    let release = Release::typical().build();
    let layers = release.image.layers.iter();
    let unpacked = layers.map(|layer| {
        let mut tar = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(&layer[..]);
        std::io::Read::read_to_end(&mut reader, &mut tar).expect("gzip of our own");
        compressed([tar]).into()
    });
    let config = release.image.config.clone();
    let image = harness::Image::assemble(Format::Docker, config, unpacked.collect());
    let release = Release { image, ..release };
    let Some(world) = World::of(&release) else {
        return;
    };
    world.mirror(&["release", &release.tag()]).ok();
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    world.registry.finish().no_uploads();
}
