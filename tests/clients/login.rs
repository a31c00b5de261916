//! `podman login` and what follows from it, in each `--anonymous` mode.

use harness::{Anonymous, Format, Image};

use crate::lab::{Lab, PASSWORD, USER};

#[track_caller]
fn check_that_only_the_right_password_logs_in(anonymous: Anonymous) {
    let Some(lab) = Lab::open(anonymous) else {
        return;
    };

    let refusal = lab.containers.login(&lab.host, USER, "wrong").failed();
    assert!(refusal.contains("invalid username/password"), "{refusal}");
    let refusal = lab.containers.login(&lab.host, "nobody", PASSWORD).failed();
    assert!(refusal.contains("invalid username/password"), "{refusal}");
    lab.containers.login(&lab.host, USER, PASSWORD).ok();

    lab.containers
        .build(&lab.image("login/test:1"), "pushed by a user");
    lab.containers
        .podman(&["push", &lab.image("login/test:1")])
        .ok();
    lab.registry.finish().no_uploads();
}

#[test]
fn only_the_right_password_logs_in_where_nothing_is_anonymous() {
    check_that_only_the_right_password_logs_in(Anonymous::None);
}

#[test]
fn only_the_right_password_logs_in_where_pulls_are_anonymous() {
    check_that_only_the_right_password_logs_in(Anonymous::Pull);
}

/// Such a registry does not ask for credentials, so podman keeps them to itself and takes any; who
/// sends wrong ones all the same is refused.
#[test]
fn where_everything_is_anonymous_login_succeeds_and_pushes_need_none() {
    let Some(lab) = Lab::open(Anonymous::Push) else {
        return;
    };

    lab.containers.login(&lab.host, USER, PASSWORD).ok();
    lab.containers.login(&lab.host, USER, "wrong").ok();
    lab.client
        .clone()
        .basic(USER, "wrong")
        .get("/v2/")
        .refused(401, "UNAUTHORIZED");
    lab.containers.logout();

    lab.containers
        .build(&lab.image("login/test:1"), "pushed by nobody");
    lab.containers
        .podman(&["push", &lab.image("login/test:1")])
        .ok();
    lab.containers.forget_images();
    lab.containers
        .podman(&["pull", &lab.image("login/test:1")])
        .ok();
    lab.registry.finish().no_uploads();
}

#[test]
fn where_nothing_is_anonymous_a_pull_needs_a_login() {
    let Some(lab) = Lab::open(Anonymous::None) else {
        return;
    };
    Image::new(Format::Oci, "private").push(&lab.client, "private/test", "1");

    lab.containers
        .podman(&["pull", &lab.image("private/test:1")])
        .failed();
    lab.containers.login(&lab.host, USER, PASSWORD).ok();
    lab.containers
        .podman(&["pull", &lab.image("private/test:1")])
        .ok();
    lab.registry.finish().no_uploads();
}

#[test]
fn where_pulls_are_anonymous_a_push_needs_a_login() {
    let Some(lab) = Lab::open(Anonymous::Pull) else {
        return;
    };
    Image::new(Format::Oci, "public").push(&lab.client, "public/test", "1");

    lab.containers
        .podman(&["pull", &lab.image("public/test:1")])
        .ok();
    let refusal = lab.containers.podman(&[
        "push",
        &lab.image("public/test:1"),
        &lab.image("public/test:2"),
    ]);
    let refusal = refusal.failed();
    assert!(
        refusal.contains("unauthorized") || refusal.contains("authentication"),
        "{refusal}"
    );
    assert_eq!(lab.client.tags("public/test"), ["1"]);
    lab.registry.finish().no_uploads();
}

#[test]
fn a_removed_user_is_refused_from_then_on() {
    let Some(lab) = Lab::open(Anonymous::None) else {
        return;
    };
    lab.containers.login(&lab.host, USER, PASSWORD).ok();

    lab.registry.command(&["user", "remove", USER], "").ok();

    lab.containers.login(&lab.host, USER, PASSWORD).failed();
    lab.registry.finish();
}
