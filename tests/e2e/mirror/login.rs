//! What `mirror image` logs in with, and that nobody sees it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::upstream::Tokens;
use harness::{Format, Image, Registry, Upstream, eventually};
use rustix::process::Signal;

use super::{config, tag};

const PASSWORD: &str = "correct-horse";

/// A file of credentials for this upstream, as docker writes it.
fn auth_file(upstream: &Upstream, password: &str) -> String {
    let host = upstream.address();
    format!(r#"{{"auths": {{"{host}": {{"username": "ann", "password": "{password}"}}}}}}"#)
}

fn upstreams() -> [Upstream; 2] {
    let tokens = Tokens::with().password("ann", PASSWORD).build();
    let upstreams = [
        Upstream::with().basic("ann", PASSWORD).start(),
        Upstream::with().bearer(&tokens).start(),
    ];
    for upstream in &upstreams {
        upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    }
    upstreams
}

#[test]
fn the_file_that_is_named_is_logged_in_with_and_not_shown() {
    for upstream in upstreams() {
        let mut registry = Registry::with().config(config(&upstream, "")).start();
        let file = registry
            .scratch()
            .file("auth.json", auth_file(&upstream, PASSWORD));
        let file = file.to_str().unwrap();
        let words = ["mirror", "image", "up.example/a:1"];
        let told = registry.command(&words, "").fails(1);
        assert!(told.contains("hint: `auth_file`"), "{told}");
        let named = [&words[..], &["--authfile", file]].concat();
        let mut told = vec![registry.command(&named, "").ok()];
        assert!(tag(&registry.admin(), "up.example/a", "1").is_some());
        registry.stop();
        told.push(registry.command(&named, "").ok());
        let wrong = registry
            .scratch()
            .file("wrong.json", auth_file(&upstream, "wrong"));
        let named = [&words[..], &["--authfile", wrong.to_str().unwrap()]].concat();
        let refused = registry.command(&named, "").fails(1);
        assert!(refused.contains("hint: `auth_file`"), "{refused}");
        told.push(refused);
        told.push(registry.log());
        let told = told.concat();
        assert!(
            !told.contains(PASSWORD) && !told.contains("wrong\""),
            "{told}"
        );
        registry.start_again();
        registry.finish().no_uploads();
    }
}

#[test]
fn the_file_of_podman_is_found_and_counts_where_the_configuration_says_nothing() {
    let [upstream, _] = upstreams();
    let registry = Registry::with().config(config(&upstream, "")).start();
    let (right, wrong) = (
        auth_file(&upstream, PASSWORD),
        auth_file(&upstream, "wrong"),
    );
    let home = registry.scratch().dir("home");
    registry.scratch().file("home/.docker/config.json", &right);
    let data = registry.data().to_owned();
    let mirror = |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(harness::binary());
        command.args(["mirror", "image", "up.example/a:1", "--data"]);
        command.arg(&data).env_remove("XDG_RUNTIME_DIR");
        command.envs(variables.iter().copied());
        harness::Outcome::of(&mut command, "")
    };
    let home = home.to_str().unwrap();
    let file = registry.scratch().file("wrong.json", &wrong);
    let file = file.to_str().unwrap();
    mirror(&[("HOME", home), ("REGISTRY_AUTH_FILE", file)]).fails(1);
    mirror(&[("HOME", home), ("REGISTRY_AUTH_FILE", "/nowhere")]).fails(1);
    mirror(&[("HOME", home)]).ok();
    registry.finish().no_uploads();
}

#[test]
fn what_the_configuration_says_counts_before_what_is_found() {
    let [upstream, _] = upstreams();
    let scratch = harness::Scratch::new();
    let right = scratch.file("right.json", auth_file(&upstream, PASSWORD));
    let wrong = scratch.file("wrong.json", auth_file(&upstream, "wrong"));
    let section = config(&upstream, &format!("auth_file = \"{}\"", right.display()));
    let registry = Registry::with()
        .config(section)
        .env("REGISTRY_AUTH_FILE", wrong.to_str().unwrap())
        .start();
    let words = ["mirror", "image", "up.example/a:1"];
    registry.command(&words, "").ok();
    let named = [&words[..], &["--authfile", wrong.to_str().unwrap()]].concat();
    registry.command(&named, "").fails(1);
    registry.finish().no_uploads();
}

#[test]
fn credentials_that_others_can_read_are_told_of_once_until_that_is_mended() {
    let scratch = harness::Scratch::new();
    let file = scratch.file("auth.json", "{\"auths\": {}}");
    let set = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let section = |name: &str| {
        let file = file.display();
        format!("[[upstream]]\nname = \"{name}\"\nauth_file = \"{file}\"\n")
    };
    let config = ["one.example", "two.example"].map(section).concat();
    set(0o644);
    let mut registry = Registry::with().config(config).start();
    let mend = format!("chmod 600 {}", file.display());
    let warnings = |registry: &Registry| registry.log().matches(&mend).count();
    assert_eq!(warnings(&registry), 1);
    registry.signal(Signal::HUP);
    eventually("it is told again", || warnings(&registry) == 2);
    set(0o600);
    registry.restart();
    registry.stop();
    assert_eq!(warnings(&registry), 2);
    registry.start_again();
    registry.finish().no_uploads();
}
