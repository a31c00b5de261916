//! The data directory: who makes it, who holds it, and which ones are refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use harness::{Outcome, Process, Registry, Scratch, binary};

/// `serve` on this directory.
fn serve(data: &Path) -> Command {
    let mut command = Command::new(binary());
    command.arg("serve").arg("--data").arg(data);
    command.args(["--listen", "127.0.0.1:0"]);
    command
}

#[test]
fn only_serve_makes_a_store() {
    let dir = Scratch::new();
    let data = dir.join("data");
    let data = data.to_str().expect("an ASCII path");

    for words in [
        &["repo", "list"][..],
        &["user", "list"],
        &["user", "add", "ci", "--password-stdin"],
        &["ca", "export"],
        &["ca", "show"],
        &["store", "stat"],
    ] {
        let mut all = words.to_vec();
        all.extend(["--data", data]);
        let story = Outcome::of(Command::new(binary()).args(all), "a password").fails(1);
        assert!(
            story.starts_with("error: ") && story.contains("because: "),
            "{story}"
        );
    }
    assert!(!dir.join("data").exists());
}

#[test]
fn a_second_server_on_the_same_data_does_not_start() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());

    let story = Outcome::of(&mut serve(registry.data()), "").fails(1);

    assert!(story.starts_with("error: "), "{story}");
    // The first one was not disturbed, nor its socket taken.
    client.blob("a/b", &digest).expect(200);
    registry.command(&["repo", "list"], "").ok();
    registry.finish();
}

#[test]
fn a_data_directory_of_a_newer_version_is_refused() {
    let mut registry = Registry::open();
    registry.stop();
    let format = registry.data().join("format");
    let known = fs::read_to_string(&format).expect("the format file");
    fs::write(&format, "4000000000\n").expect("write the format file");

    let story = Outcome::of(&mut serve(registry.data()), "").fails(1);
    assert!(story.contains("4000000000"), "{story}");

    fs::write(&format, known).expect("write the format file");
    registry.start_again();
    registry.finish();
}

#[test]
fn a_data_directory_that_everybody_may_write_is_refused() {
    let mut registry = Registry::open();
    registry.stop();
    fs::set_permissions(registry.data(), Permissions::from_mode(0o777)).expect("open it to all");

    let story = Outcome::of(&mut serve(registry.data()), "").fails(1);
    assert!(story.contains("everybody"), "{story}");

    fs::set_permissions(registry.data(), Permissions::from_mode(0o700)).expect("close it");
    registry.start_again();
    registry.finish();
}

/// A socket's address holds 107 bytes; the path of a data directory may be longer.
#[test]
fn a_data_directory_may_lie_deeper_than_the_path_of_a_socket_may_be_long() {
    let scratch = Scratch::new();
    let data = scratch.dir(format!("{0}/{0}/data", "deep".repeat(25)));
    let mut server = Process::spawn(&mut serve(&data), &scratch.join("server.log"));
    server.listening();

    let mut command = Command::new(binary());
    command
        .args(["user", "add", "ci", "--password-stdin", "--data"])
        .arg(&data);
    Outcome::of(&mut command, "a password").ok();

    assert!(server.stop().success());
    let users = fs::read_to_string(data.join("users.htpasswd")).expect("the user file");
    assert!(users.contains("ci:$2"), "{users}");
}
