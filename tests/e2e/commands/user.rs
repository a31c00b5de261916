//! `user`: accounts, changed while the server runs and while it does not.

use std::fs;

use harness::Registry;
use serde_json::Value;

fn names(registry: &Registry) -> Vec<String> {
    let list = registry.command(&["user", "list", "--json"], "").ok();
    let list: Value = serde_json::from_str(&list).expect("one JSON document");
    let users = list["users"].as_array().expect("users");
    users
        .iter()
        .map(|user| user["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn accounts_change_at_once_beside_a_running_server() {
    let registry = Registry::start();
    assert_eq!(names(&registry), ["admin"]);

    let client = registry.user("ci", "one");
    client.get("/v2/").expect(200);
    assert_eq!(names(&registry), ["admin", "ci"]);

    registry
        .command(&["user", "password", "ci", "--password-stdin"], "two\n")
        .ok();
    client.get("/v2/").expect(401);
    let client = registry.client().basic("ci", "two");
    client.get("/v2/").expect(200);

    registry.command(&["user", "remove", "ci"], "").ok();
    client.get("/v2/").expect(401);
    assert_eq!(names(&registry), ["admin"]);
    registry.finish();
}

#[test]
fn accounts_changed_while_no_server_runs_are_known_to_the_next() {
    let mut registry = Registry::start();
    registry.user("old", "a password");
    registry.stop();

    registry
        .command(&["user", "add", "new", "--password-stdin"], "one")
        .ok();
    registry
        .command(&["user", "password", "new", "--password-stdin"], "two")
        .ok();
    registry.command(&["user", "remove", "old"], "").ok();
    assert_eq!(names(&registry), ["admin", "new"]);

    registry.start_again();
    registry
        .client()
        .basic("new", "two")
        .get("/v2/")
        .expect(200);
    registry
        .client()
        .basic("old", "a password")
        .get("/v2/")
        .expect(401);
    registry.finish();
}

#[test]
fn an_administrator_is_made_by_a_flag() {
    let registry = Registry::start();
    let words = ["user", "add", "root", "--admin", "--password-stdin"];
    registry.command(&words, "a password").ok();
    let client = registry.client().basic("root", "a password");
    let digest = client.push_blob("a/b", &"bytes".into());

    client.delete(format!("/v2/a/b/blobs/{digest}")).expect(202);

    let list = registry.command(&["user", "list", "--json"], "").ok();
    let list: Value = serde_json::from_str(&list).expect("one JSON document");
    assert_eq!(
        list["users"][1],
        serde_json::json!({ "name": "root", "admin": true })
    );
    registry.finish();
}

#[test]
fn the_first_password_lies_in_its_file_until_it_is_changed() {
    let registry = Registry::start();
    let first = registry.admin_password();
    assert!(first.len() >= 16, "a password nobody guesses");
    registry
        .client()
        .basic("admin", &first)
        .get("/v2/")
        .expect(200);

    registry
        .command(
            &["user", "password", "admin", "--password-stdin"],
            "changed",
        )
        .ok();

    assert!(!registry.data().join("admin-password").exists());
    registry
        .client()
        .basic("admin", &first)
        .get("/v2/")
        .expect(401);
    registry
        .client()
        .basic("admin", "changed")
        .get("/v2/")
        .expect(200);
}

#[test]
fn what_cannot_be_done_to_an_account_is_said_and_changes_nothing() {
    let registry = Registry::start();
    registry.user("ci", "hunter2-secret");
    let before = fs::read(registry.data().join("users.htpasswd")).expect("the user file");
    let fails = |words: &[&str], input: &str, code: i32| {
        let story = registry.command(words, input).fails(code);
        assert!(story.starts_with("error: "), "{story}");
        assert!(!story.contains("secret"), "{story}");
    };

    fails(
        &["user", "add", "ci", "--password-stdin"],
        "another-secret",
        1,
    );
    fails(&["user", "remove", "nobody"], "", 1);
    fails(
        &["user", "password", "nobody", "--password-stdin"],
        "another-secret",
        1,
    );
    fails(&["user", "add", "new", "--password-stdin"], "", 1);
    // bcrypt reads 72 bytes and no more: a longer password is not what it seems.
    fails(
        &["user", "add", "new", "--password-stdin"],
        &"x".repeat(73),
        1,
    );
    for name in ["a:b", "", "a\nb", " "] {
        fails(
            &["user", "add", name, "--password-stdin"],
            "another-secret",
            64,
        );
    }
    let after = fs::read(registry.data().join("users.htpasswd")).expect("the user file");
    assert_eq!(after, before);
    registry.finish();
}

#[test]
fn no_command_prints_a_password_or_its_hash() {
    let registry = Registry::start();
    let secret = "hunter2-secret";
    let file = || fs::read_to_string(registry.data().join("users.htpasswd")).unwrap();

    let add = registry.command(&["user", "add", "ci", "--password-stdin"], secret);
    let hash = file()
        .lines()
        .last()
        .and_then(|line| line.split(':').nth(1))
        .unwrap()
        .to_owned();
    assert!(hash.starts_with("$2"), "bcrypt");
    assert!(!file().contains(secret));
    for outcome in [
        add,
        registry.command(&["user", "list"], ""),
        registry.command(&["user", "list", "--json"], ""),
        registry.command(&["config", "show"], ""),
        registry.command(&["user", "password", "ci", "--password-stdin"], secret),
    ] {
        let said = outcome.stdout.clone() + &outcome.stderr;
        assert!(!said.contains(secret) && !said.contains(&hash), "{outcome}");
        outcome.ok();
    }
    registry.finish();
}
