//! Copies that are cut off: what has arrived stays, the release is not published, and the next run
//! fetches the rest only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use harness::openshift::{Component, Release, name};
use harness::{At, Digest, Fault, Gate, Subject, eventually};
use rustix::process::{Pid, Signal, kill_process};

use super::World;
use crate::mirror::{begin, tag};

/// Who dies.
#[derive(Clone, Copy)]
enum Victim {
    /// The command, while a server does the work.
    Command,
    /// The command, which does the work.
    CommandAlone,
    /// The server.
    Server,
}

/// Where the bytes of a blob lie.
fn file(data: &Path, digest: &Digest) -> PathBuf {
    let (hex, home) = (digest.hex(), data.join("blobs").join(digest.algorithm()));
    home.join(&hex[..2]).join(hex)
}

/// How often a blob was asked for.
fn asked(world: &World, digest: &Digest) -> usize {
    let is_it =
        |subject: Subject<'_>| matches!(subject, Subject::Blob(_, it) if it == digest.as_str());
    world.quay.count(|asked| is_it(asked.subject()))
}

#[track_caller]
fn check(victim: Victim) {
    let release = Release::typical().build();
    let Some(mut world) = World::of(&release) else {
        return;
    };
    let held = release.component("etcd").blobs[1].digest();
    let (gate, layer) = (Gate::new(), held.clone());
    let stall = Fault::Hold(At::Byte(1), gate.clone());
    world.quay.when(move |asked| {
        let is_layer = matches!(asked.subject(), Subject::Blob(_, it) if it == layer.as_str());
        is_layer.then(|| stall.clone())
    });
    let others = release.components.iter().flat_map(Component::blob_digests);
    let mut others: BTreeSet<_> = others.collect();
    others.remove(&held);

    let config = world.registry.scratch().join("config.toml");
    let mut words = vec!["release", "4.18.7-x86_64"];
    if matches!(victim, Victim::CommandAlone) {
        world.registry.stop();
        words.extend(["--config", config.to_str().expect("scratch paths are text")]);
    }
    let mut child = begin(&world.registry, &words);
    let data = world.registry.data().to_owned();
    eventually("all but one blob are here", || {
        others.iter().all(|digest| file(&data, digest).exists()) && asked(&world, &held) > 0
    });
    if matches!(victim, Victim::Server) {
        world.registry.kill();
    } else {
        kill_process(Pid::from_child(&child), Signal::KILL).expect("it runs");
    }
    let status = child.wait().expect("wait for a child");
    assert!(!status.success());
    if !matches!(victim, Victim::Command) {
        world.registry.start_again();
    }
    let client = world.registry.plain();
    assert_eq!(tag(&client, name::OUR_RELEASES, &release.tag()), None);

    gate.open();
    world.document(&["release", "4.18.7-x86_64"], 0);
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    for digest in others {
        assert_eq!(asked(&world, &digest), 1, "{digest} is fetched again");
    }
    world.registry.finish().no_uploads();
}

#[test]
fn a_killed_server_has_what_was_fetched_when_it_is_back() {
    check(Victim::Server);
}

#[test]
fn a_killed_command_leaves_what_was_fetched_with_a_server_and_without() {
    check(Victim::Command);
    check(Victim::CommandAlone);
}

#[test]
fn ctrl_c_says_how_to_go_on() {
    let release = Release::typical().build();
    let Some(world) = World::of(&release) else {
        return;
    };
    world.quay.when(|asked| {
        let is_blob = matches!(asked.subject(), Subject::Blob(name::COMPONENTS, _));
        is_blob.then(|| Fault::stall(At::Byte(1)))
    });
    let child = begin(&world.registry, &["release", "4.18.7-x86_64"]);
    eventually("a component is fetched", || {
        world
            .quay
            .count(|asked| matches!(asked.subject(), Subject::Blob(name::COMPONENTS, _)))
            > 0
    });
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("wait for a child");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("because: it was stopped"), "{told}");
    assert!(told.contains("hint: what has arrived stays"), "{told}");
    world.quay.behave();
    world.document(&["release", "4.18.7-x86_64"], 0);
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    world.registry.finish().no_uploads();
}
