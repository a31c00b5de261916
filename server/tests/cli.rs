//! The contract of the binary, from outside: exit codes, texts, files and who owns them.
//!
//! Drives the built program on a data directory of its own. What crosses to real clients is tested in
//! the `tests` crate.

// Says to clippy what cargo knows: this is a test, and may unwrap.
#[cfg(test)]
mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};

use serde_json::Value;

use support::{Outcome, Place, skipped};

/// The configuration's mistakes (sysexits' `EX_CONFIG`) and the command line's (`EX_USAGE`).
const CONFIGURATION: i32 = 78;
const USAGE: i32 = 64;

#[test]
fn help_shows_each_command_with_an_example_in_the_order_of_need() {
    let help = Place::new().run(&["--help"]).done();
    let place = |example: &str| {
        help.find(example)
            .unwrap_or_else(|| panic!("{example} in {help}"))
    };
    let places = [
        "$ roadstead serve",
        "$ roadstead user add",
        "$ roadstead ca export",
        "$ roadstead repo list",
        "$ roadstead store stat",
        "$ roadstead config check",
    ]
    .map(place);
    assert!(places.is_sorted(), "{help}");
}

#[test]
fn a_wrong_command_line_ends_with_64() {
    let place = Place::new();
    for words in [
        &[][..],
        &["nonsense"],
        &["user", "add", "not a name"],
        &["serve", "--listen", "8443"],
        &["serve", "--anonymous", "all"],
        &["repo", "remove", "host:8443/name"],
        &["ca", "export", "--address", "https://reg"],
        &["ca", "export", "--to", "somewhere"],
        &["ca", "issue"],
    ] {
        place.run(words).failed(USAGE);
    }
}

#[test]
fn a_wrong_configuration_ends_with_78_and_names_the_key() {
    let place = Place::new();
    let config = place.write("config.toml", "[auth]\nanonymous = \"all\"\n");
    let check = ["config", "check", "--config", &config];
    for words in [
        &["config", "check"][..],
        &["config", "show"],
        &["user", "list"],
        &["serve"],
    ] {
        let text = place
            .run(&[words, &["--config", &config]].concat())
            .failed(CONFIGURATION);
        assert!(text.contains("because: auth.anonymous: neither"), "{text}");
    }
    place.write("config.toml", "anonymous = \"pull\"\n");
    let text = place.run(&check).failed(CONFIGURATION);
    assert!(text.contains("unknown field `anonymous`"), "{text}");
    fs::remove_file(&config).unwrap();
    place.run(&check).failed(CONFIGURATION);
}

#[test]
fn config_check_says_what_is_doubtful_and_show_needs_no_store() {
    let place = Place::new();
    let text = "names = [\"reg.example.com\"]\n[auth]\ntoken_lifetime = \"30s\"\n";
    let config = place.write("config.toml", text);
    let run = |words: &[&str]| place.run(&[words, &["--config", &config]].concat());
    let text = run(&["config", "check"]).done();
    assert!(text.contains("warning: auth.token_lifetime"), "{text}");
    let checked = run(&["config", "check", "--json"]).json();
    assert_eq!(checked["warnings"].as_array().unwrap().len(), 1);
    let text = run(&["config", "show"]).done();
    assert!(
        text.contains("address = \"reg.example.com:8443\""),
        "{text}"
    );
    let shown = run(&["config", "show", "--json"]).json();
    assert_eq!(shown["auth"]["anonymous"], "pull");
    assert!(!place.data().exists(), "looking makes nothing");
}

#[test]
fn only_serve_makes_a_store() {
    let place = Place::new();
    for words in [
        &["user", "list"][..],
        &["ca", "export"],
        &["repo", "list"],
        &["store", "stat"],
        &["store", "gc"],
        &["store", "scrub"],
        &["store", "reindex"],
    ] {
        let text = place.run(words).failed(1);
        assert!(
            text.starts_with("error: ") && text.contains("\n  because: there is no store in "),
            "{text}"
        );
        assert!(
            text.contains("\n  hint: `roadstead serve` makes one"),
            "{text}"
        );
    }
    assert!(!place.data().exists());
    fs::create_dir(place.data()).unwrap();
    place.run(&["user", "list"]).failed(1);
    assert_eq!(fs::read_dir(place.data()).unwrap().count(), 0);
}

#[test]
fn the_first_start_leaves_secrets_only_in_closed_files() {
    let place = Place::new();
    let server = place.serve(&[]);
    let password = fs::read_to_string(place.data().join("admin-password")).unwrap();
    for file in ["admin-password", "users.htpasswd", "admin.sock"] {
        let mode = fs::metadata(place.data().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let said = server.stop();
    assert!(!said.contains(password.trim()), "{said}");
    assert!(
        !place.data().join("admin.sock").exists(),
        "the socket goes with the server"
    );
}

/// Every command, first with a server that does the work, then with none.
#[test]
fn commands_do_the_same_with_and_without_a_running_server() {
    let place = Place::new();
    let server = place.serve(&["--address", "reg.example.com:8443"]);
    let with = every_command(&place, "ann@a");
    server.stop();
    let without = every_command(&place, "ann@b");
    assert_eq!(lasting(&with.replace("ann@a", "ann@b")), lasting(&without));
}

/// What is said, without what others on this machine change meanwhile.
fn lasting(said: &str) -> Vec<&str> {
    let lines = said.lines();
    lines
        .filter(|line| !line.starts_with("disk free"))
        .collect()
}

fn every_command(place: &Place, user: &str) -> String {
    let said = [
        place
            .run_with_input(&["user", "add", user, "--password-stdin"], "secret\n")
            .done(),
        place
            .run_with_input(&["user", "password", user, "--password-stdin"], "other\n")
            .done(),
        place.run(&["user", "list"]).done(),
        place
            .run_with_input(&["user", "add", user, "--password-stdin"], "secret\n")
            .failed(1),
        place.run(&["user", "remove", user]).done(),
        place.run(&["user", "remove", user]).failed(1),
        place.run(&["repo", "list"]).done(),
        place.run(&["repo", "show", "a/b"]).failed(1),
        place
            .run(&["repo", "remove", "a/b:1", "--dry-run"])
            .failed(1),
        place.run(&["store", "stat"]).done(),
        place.run(&["store", "gc", "--dry-run"]).done(),
        place.run(&["store", "gc"]).done(),
        place.run(&["store", "scrub"]).done(),
        place.run(&["store", "reindex"]).done(),
        place.run(&["ca", "export"]).done(),
        place
            .run(&["ca", "export", "--format", "install-config"])
            .done(),
        place
            .run(&[
                "ca",
                "export",
                "--format",
                "configmap",
                "--address",
                "a.example.com:1",
            ])
            .done(),
    ];
    said.concat()
}

#[test]
fn a_running_server_s_configuration_wins() {
    let place = Place::new();
    let config = place.write("config.toml", "[auth]\nanonymous = \"none\"\n");
    let other = place.write("other.toml", "");
    let _server = place.serve(&["--config", &config]);
    let shown = place.run(&["config", "show", "--json"]).json();
    assert_eq!(shown["auth"]["anonymous"], "none", "asked of the server");
    place.run(&["user", "list", "--config", &config]).done();
    let text = place
        .run(&["user", "list", "--config", &other])
        .failed(CONFIGURATION);
    assert!(text.contains("because: the running server uses "), "{text}");
    place.run(&["config", "check", "--config", &other]).done();
}

#[test]
fn the_authority_is_exported_in_every_form() {
    let place = Place::new();
    let server = place.serve(&["--address", "reg.example.com:8443"]);
    let pem = place.run(&["ca", "export"]).done();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"), "{pem}");
    let map = place.run(&["ca", "export", "--format", "configmap"]).done();
    assert!(
        map.contains("\n  reg.example.com..8443: |\n    -----BEGIN"),
        "{map}"
    );
    let to = place.path("trust");
    let words = [
        "ca",
        "export",
        "--format",
        "certs.d",
        "--to",
        to.to_str().unwrap(),
    ];
    let listed = place.run(&words).done();
    let file = to.join("reg.example.com:8443/ca.crt");
    assert_eq!(listed, format!("{}\n", file.display()));
    assert_eq!(fs::read_to_string(file).unwrap(), pem);

    let before = place.run(&["ca", "show", "--json"]).json();
    assert_eq!(before["previousAuthority"], Value::Null);
    let renewed = place.run(&["ca", "renew", "--json"]).json();
    assert_eq!(renewed["authority"], before["authority"], "the CA stays");
    assert_ne!(
        renewed["server"]["fingerprint"],
        before["server"]["fingerprint"]
    );
    let rotated = place.run(&["ca", "rotate", "--json"]).json();
    assert_eq!(rotated["previousAuthority"], before["authority"]);
    let both = place.run(&["ca", "export"]).done();
    assert_eq!(both.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(
        both.ends_with(&pem),
        "the one that clients have is still trusted"
    );
    server.stop();
}

#[test]
fn an_address_is_never_guessed() {
    let place = Place::new();
    place.serve(&[]).stop();
    // The server that could say its port is gone, and nobody gave the registry an address.
    let config = place.write("config.toml", "listen = [\"127.0.0.1:0\"]\n");
    let export = ["ca", "export", "--config", &config];
    let text = place
        .run(&[&export[..], &["--format", "configmap"]].concat())
        .failed(1);
    assert!(text.contains("\n  hint: say it with --address"), "{text}");
    place.run(&export).done();
}

#[test]
fn an_issued_certificate_goes_where_the_caller_says() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let to = place.path("issued");
    let words = [
        "ca",
        "issue",
        "--name",
        "web.example.com",
        "10.0.0.1",
        "--to",
        to.to_str().unwrap(),
    ];
    let issued = place.run(&[&words[..], &["--json"]].concat()).json();
    let key = to.join("web.example.com.key");
    assert_eq!(issued["key"], key.to_str().unwrap());
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let certificate = fs::read_to_string(to.join("web.example.com.crt")).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
}

/// A command of another version is told so in words, whatever else it says.
#[test]
fn another_version_is_told_which_one_runs() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let mut socket = UnixStream::connect(place.data().join("admin.sock")).unwrap();
    let question = "POST /v1/command HTTP/1.1\r\nhost: x\r\nroadstead-version: 0.0.1\r\n\
        connection: close\r\ncontent-length: 4\r\n\r\nwhat";
    socket.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    let told = format!(
        "the running server is version {}, the command is version 0.0.1\n",
        env!("CARGO_PKG_VERSION")
    );
    assert!(answer.ends_with(&told), "{answer}");
}

#[test]
fn the_service_manager_is_told_when_the_server_is_ready_and_when_it_stops() {
    let place = Place::new();
    let manager = UnixDatagram::bind(place.path("notify")).unwrap();
    let heard = || {
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let server = place.serve_under(&place.path("notify"));
    assert_eq!(heard(), "READY=1");
    server.stop();
    assert_eq!(heard(), "STOPPING=1");
}

#[test]
fn passwords_that_cannot_be_used_are_refused() {
    let place = Place::new();
    place.serve(&[]).stop();
    for password in ["\n", "", &format!("{}\n", "x".repeat(73))] {
        let words = ["user", "add", "ann", "--password-stdin"];
        let text = place.run_with_input(&words, password).failed(1);
        assert!(
            text.starts_with("error: take the password\n  because: a password "),
            "{text}"
        );
    }
}

#[test]
fn a_data_directory_with_a_long_path_has_its_socket_too() {
    let place = Place::in_folder(&"deep/".repeat(40));
    let server = place.serve(&[]);
    assert_eq!(place.run(&["user", "list"]).done(), "admin  admin\n");
    server.stop();
}

/// As root beside a server of another user, and after it: issue 2's proof.
#[test]
fn root_leaves_no_file_that_the_owner_cannot_read() {
    const OWNER: u32 = 64_321;
    if !rustix::process::geteuid().is_root() {
        skipped("only root can run a server as another user");
        return;
    }
    let place = Place::of(OWNER);
    let server = place.serve_as(OWNER);
    place
        .run_with_input(&["user", "add", "ann", "--password-stdin"], "secret\n")
        .done();
    place.run(&["repo", "list"]).done();
    place.run(&["ca", "renew"]).done();
    server.stop();
    place
        .run_with_input(&["user", "add", "bob", "--password-stdin"], "secret\n")
        .done();
    place.run(&["store", "reindex"]).done();
    place.run(&["store", "scrub"]).done();
    place.run(&["ca", "rotate"]).done();
    for entry in place.everything() {
        let metadata = fs::symlink_metadata(&entry).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (OWNER, OWNER),
            "{}",
            entry.display()
        );
    }
    place.serve_as(OWNER).stop();
}

#[test]
fn a_stranger_is_told_who_may() {
    const OWNER: u32 = 64_321;
    const STRANGER: u32 = 64_322;
    if !rustix::process::geteuid().is_root() {
        skipped("only root can be two other users");
        return;
    }
    let place = Place::of(OWNER);
    let check = |outcome: Outcome| {
        let text = outcome.failed(1);
        assert!(text.contains("hint: run it as root, or as "), "{text}");
    };
    let server = place.serve_as(OWNER);
    check(place.run_as(STRANGER, &["user", "list"]));
    server.stop();
    check(place.run_as(STRANGER, &["user", "list"]));
}
