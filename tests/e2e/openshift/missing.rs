//! Payloads of which something is not to be had: what is missing is named, and the release is not
//! published before it is whole.

use harness::openshift::{Component, Release, name};
use harness::{Digest, Fault, Subject};

use super::{World, check_that_it_is_whole, entry};
use crate::mirror::tag;

/// Mirrors a release of which this component cannot be had whole, then one that can.
#[track_caller]
fn check(name: &str, spoil: impl Fn(&World, &Component), mend: impl Fn(&World, &Component)) {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let component = release.component(name);
    spoil(&world, component);
    let report = world.document(&["release", "4.18.7-x86_64"], 2);
    assert_eq!(report["result"], "partly");
    let entry = entry(&report, &component.digest());
    assert_eq!(entry["state"], "failed", "{entry:#}");
    assert!(entry["because"].is_string(), "{entry:#}");
    let told = world.mirror(&["release", "4.18.7-x86_64"]);
    let all = format!("{}{}", told.stdout, told.stderr);
    assert!(all.contains(component.digest().as_str()), "{told}");
    told.fails(2);
    // Nobody is told of a release that is not whole, under no name.
    let client = world.registry.plain();
    let named = format!("{}/{}", name::QUAY, name::RELEASES);
    for repository in [name::OUR_RELEASES, &named] {
        assert_eq!(
            tag(&client, repository, &release.tag()),
            None,
            "{repository}"
        );
    }
    for other in release.components.iter().filter(|other| other.name != name) {
        check_that_it_is_whole(&client, other, name::OUR_COMPONENTS);
    }
    world.registry.check();

    mend(&world, component);
    world.document(&["release", "4.18.7-x86_64"], 0);
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    world.registry.finish().no_uploads();
}

fn put_back(world: &World, component: &Component) {
    world.quay.behave();
    component.push(&world.quay, name::COMPONENTS);
}

/// Lets every request for this digest fail with this status.
fn refuse(world: &World, digest: Digest, status: u16) {
    world.quay.when(move |asked| {
        let is_it = match asked.subject() {
            Subject::Blob(_, asked) | Subject::Manifest(_, asked) => asked == digest.as_str(),
            _ => false,
        };
        is_it.then(|| Fault::status(status))
    });
}

#[test]
fn a_component_that_is_not_there_is_named_and_comes_with_a_later_run() {
    let remove = |world: &World, component: &Component| {
        world
            .quay
            .remove(name::COMPONENTS, component.digest().as_str());
    };
    check("etcd", remove, put_back);
    check("must-gather", remove, put_back);
}

#[test]
fn a_child_of_a_list_that_is_not_there_is_missed() {
    for name in ["must-gather", "tests"] {
        check(
            name,
            |world, component| {
                let child = component.children[0].digest();
                world.quay.remove(name::COMPONENTS, child.as_str());
            },
            put_back,
        );
    }
}

#[test]
fn a_layer_that_is_not_there_is_missed() {
    check(
        "pod",
        |world, component| refuse(world, component.blobs[1].digest(), 404),
        put_back,
    );
}

#[test]
fn a_component_that_may_not_be_fetched_is_missed() {
    check(
        "cli",
        |world, component| refuse(world, component.digest(), 403),
        put_back,
    );
}

#[test]
fn a_component_whose_manifest_is_another_one_is_not_taken() {
    check(
        "etcd",
        |world, component| {
            let other = component.manifest.with("annotations", "changed".into());
            world
                .quay
                .put_manifest(name::COMPONENTS, component.digest().as_str(), &other);
        },
        put_back,
    );
}

#[test]
fn a_component_with_another_layer_under_its_digest_is_not_taken() {
    check(
        "installer",
        |world, component| {
            let layer = component.blobs[1].digest();
            world.quay.when(move |asked| {
                let is_it = matches!(asked.subject(), Subject::Blob(_, it) if it == layer.as_str());
                is_it.then_some(Fault::Flipped(100))
            });
        },
        put_back,
    );
}

#[test]
fn when_nothing_can_be_fetched_nothing_is_published() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    for component in &release.components {
        for digest in component.digests() {
            world.quay.remove(name::COMPONENTS, digest.as_str());
        }
    }
    let told = world.mirror(&["release", "4.18.7-x86_64"]);
    assert!(matches!(told.code, Some(1 | 2)), "{told}");
    let client = world.registry.plain();
    assert_eq!(tag(&client, name::OUR_RELEASES, &release.tag()), None);
    world.registry.finish().no_uploads();
}
