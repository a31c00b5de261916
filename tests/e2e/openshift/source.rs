//! How a release is named on the command line, and what cannot be meant.

use harness::openshift::{Release, name};
use harness::{Format, index_of};

use super::{World, reference};
use crate::mirror::tag;

#[test]
fn a_release_is_found_by_each_of_its_names() {
    let release = Release::typical().build();
    let digest = release.digest().as_str().to_owned();
    let full = format!("{}/{}@{digest}", name::QUAY, name::RELEASES);
    let named = format!("{}/{}", name::QUAY, name::RELEASES);
    let check = |words: &[&str]| {
        let Some(world) = World::of(&release) else {
            return;
        };
        let report = world.document(&[&["release"], words].concat(), 0);
        assert_eq!(report["release"]["version"], "4.18.7");
        assert_eq!(report["release"]["architecture"], "x86_64");
        // What its registry calls it is known only where it is named by its tag.
        let is_tag = !words[0].contains("sha256:");
        let found = tag(&world.registry.plain(), &named, &release.tag());
        assert_eq!(found, is_tag.then(|| release.digest()), "{words:?}");
        world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
        world.registry.finish().no_uploads();
    };
    check(&["4.18.7", "--arch", "x86_64"]);
    check(&["4.18.7", "--arch", "amd64"]);
    check(&["4.18.7-x86_64", "--arch", "x86_64"]);
    check(&[&reference(&release)]);
    check(&[&digest]);
    check(&[&full]);
}

#[test]
fn the_architecture_of_a_release_is_its_images() {
    let component = Release::typical().build().component("etcd").clone();
    let recipe = Release::with("4.18.7").component(component);
    for (architecture, go) in [
        ("aarch64", "arm64"),
        ("ppc64le", "ppc64le"),
        ("s390x", "s390x"),
    ] {
        let release = recipe.clone().architecture(architecture).build();
        let Some(world) = World::of(&release) else {
            return;
        };
        let report = world.document(&["release", "4.18.7", "--arch", go], 0);
        assert_eq!(report["release"]["architecture"], architecture);
        world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
        world.registry.finish().no_uploads();
    }
}

#[test]
fn a_release_for_several_architectures_is_a_list_and_stays_one() {
    let release = Release::typical().build();
    let other = Release::typical().architecture("aarch64").build();
    let children = [
        (&release.image.manifest, ("linux", "amd64")),
        (&other.image.manifest, ("linux", "arm64")),
    ];
    let list = index_of(Format::Docker, &children);
    let Some(world) = World::of(&release) else {
        return;
    };
    other.push_image(&world.quay, name::RELEASES);
    world
        .quay
        .put_manifest(name::RELEASES, "4.18.7-multi", &list);
    let multi = format!("{}/{}:4.18.7-multi", name::QUAY, name::RELEASES);
    let signature = world.key.attest(&list.digest(), &multi);
    world.store.put(&list.digest(), 1, signature);
    let report = world.document(&["release", "4.18.7-multi"], 0);
    assert_eq!(report["release"]["architecture"], "multi");
    assert_eq!(report["release"]["digest"], list.digest().as_str());
    let client = world.registry.plain();
    assert_eq!(
        tag(&client, name::OUR_RELEASES, "4.18.7-multi"),
        Some(list.digest())
    );
    for child in [&release.image, &other.image] {
        client
            .manifest(name::OUR_RELEASES, child.digest().as_str())
            .expect(200);
    }
    let etcd = tag(&client, name::OUR_COMPONENTS, "4.18.7-multi-etcd");
    assert_eq!(etcd, Some(release.component("etcd").digest()));
    world.registry.finish().no_uploads();
}

#[test]
fn releases_may_come_from_another_repository() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    world.quay.remove_repository(name::RELEASES);
    release.push_image(&world.quay, "okd/scos-release");
    let from = format!("{}/okd/scos-release", name::QUAY);
    world.mirror(&["release", "4.18.7-x86_64"]).fails(1);
    let words = ["release", "4.18.7-x86_64", "--from", &from];
    world.mirror(&words).ok();
    let client = world.registry.plain();
    for repository in [name::OUR_RELEASES, &from] {
        let found = tag(&client, repository, &release.tag());
        assert_eq!(found, Some(release.digest()), "{repository}");
    }
    world.registry.finish().no_uploads();
}

#[test]
fn what_is_not_there_is_said() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let told = world.mirror(&["release", "4.18.9-x86_64"]).fails(1);
    assert!(told.contains("4.18.9-x86_64"), "{told}");
    world.check_that_nothing_is_here();
}

#[test]
fn what_cannot_be_meant_is_wrong_usage_and_nobody_is_asked() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let check = |words: &[&str], because: &str| {
        let told = world.mirror(&[&["release"], words].concat()).fails(64);
        assert!(told.contains(because), "{told}");
    };
    check(&[], "SRC");
    check(&["4.18.7-x86_64", "--arch", "aarch64"], "aarch64");
    check(&["4.18.7", "--arch", "vax"], "vax");
    check(&["4.18.7-x86_64", "4.18.8-x86_64"], "4.18.8-x86_64");
    check(&["sha256:0123"], "sha256:0123");
    check(
        &["4.18.7-x86_64", "--from", "quay.io/a/b:1"],
        "quay.io/a/b:1",
    );
    assert_eq!(world.quay.asked().len(), 0);
    world.check_that_nothing_is_here();
}

#[test]
fn a_key_file_without_a_key_is_refused_before_anybody_is_asked() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let file = world.registry.scratch().file("no-key.asc", "nothing");
    let file = file.to_str().expect("a path of text");
    for (file, named) in [(file, "no-key.asc"), ("/nowhere", "/nowhere")] {
        let told = world.mirror(&["release", "4.18.7-x86_64", "--release-key", file]);
        assert!(told.fails(1).contains(named));
    }
    assert_eq!(world.quay.asked().len(), 0);
    world.check_that_nothing_is_here();
}
