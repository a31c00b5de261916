//! `cluster pull-secret`: an account for nodes, which may pull and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Anonymous, Format, Image, Registry};
use serde_json::{Value, json};

use super::ADDRESS;

fn registry() -> Registry {
    let rule = "[[auth.rule]]\nwho = [\"authenticated\"]\nrepositories = [\"open/**\"]\n\
                may = [\"pull\", \"push\", \"delete\"]\n";
    Registry::with()
        .config(format!("address = \"{ADDRESS}\"\n{rule}"))
        .anonymous(Anonymous::None)
        .start()
}

/// The login that a pull secret has for an address.
#[track_caller]
fn login(secret: &Value, address: &str) -> (String, String) {
    let auth = secret["auths"][address]["auth"].as_str().expect("a login");
    let login = STANDARD.decode(auth).expect("base64");
    let login = String::from_utf8(login).expect("a text");
    let (name, password) = login.split_once(':').expect("a name and a password");
    (name.to_owned(), password.to_owned())
}

#[track_caller]
fn secret(registry: &Registry, words: &[&str]) -> Value {
    let words = [&["cluster", "pull-secret"], words].concat();
    let text = registry.command(&words, "").ok();
    serde_json::from_str(&text).expect("one JSON document")
}

#[test]
fn nodes_may_pull_and_nothing_else_whatever_rules_say() {
    let registry = registry();
    let image = Image::new(Format::Oci, "x");
    let (owner, admin) = (registry.user("ci", "a password"), registry.admin());
    image.push(&owner, "team/app", "1");
    image.push(&owner, "open/app", "1");
    let (name, password) = login(&secret(&registry, &[]), ADDRESS);
    assert_eq!(name, "nodes");

    let nodes = registry.client().basic(&name, &password);
    for repository in ["team/app", "open/app"] {
        assert_eq!(nodes.manifest(repository, "1").status, 200);
        let upload = nodes.post(format!("/v2/{repository}/blobs/uploads/"), "");
        assert_eq!(upload.status, 403, "{repository}");
        let removal = nodes.delete(format!("/v2/{repository}/manifests/1"));
        assert_eq!(removal.status, 403, "{repository}");
    }
    assert_eq!(admin.manifest("open/app", "1").status, 200);
    registry.finish();
}

#[test]
fn the_login_takes_its_place_in_a_pull_secret_of_the_caller() {
    let registry = registry();
    let others = json!({
        "auths": {
            "cloud.openshift.com": { "auth": "b3Blbg==", "email": "you@example.com" },
            ADDRESS: { "auth": "b2xkOm9sZA==", "email": "old@example.com" },
        }
    });
    let file = registry
        .scratch()
        .file("pull-secret.json", others.to_string());
    let file = file.to_str().expect("an ASCII path");

    let merged = secret(
        &registry,
        &[
            "--merge",
            file,
            "--address",
            ADDRESS,
            "--address",
            "10.0.0.1:8443",
        ],
    );

    let open = &merged["auths"]["cloud.openshift.com"];
    assert_eq!(open, &others["auths"]["cloud.openshift.com"]);
    assert_eq!(login(&merged, ADDRESS), login(&merged, "10.0.0.1:8443"));
    let (name, password) = login(&merged, ADDRESS);
    registry
        .client()
        .basic(&name, &password)
        .get("/v2/")
        .expect(200);
    registry.finish();
}

#[test]
fn a_pull_secret_that_cannot_be_read_leaves_the_password_as_it_was() {
    let registry = registry();
    let (name, password) = login(&secret(&registry, &[]), ADDRESS);
    // A file that the shell has emptied, because the output goes to it.
    let empty = registry.scratch().file("empty", "");
    let empty = empty.to_str().expect("an ASCII path");
    let words = ["cluster", "pull-secret", "--merge", empty];
    let story = registry.command(&words, "").fails(1);
    assert!(
        story.contains("it is empty") && story.contains("hint: "),
        "{story}"
    );
    let story = registry.command(&["cluster", "pull-secret", "--merge", "/nowhere"], "");
    story.fails(1);
    registry
        .client()
        .basic(&name, &password)
        .get("/v2/")
        .expect(200);
    registry.finish();
}

#[test]
fn a_renewed_password_ends_the_old_one_and_says_so() {
    let registry = registry();
    let (name, old) = login(&secret(&registry, &[]), ADDRESS);
    let told = registry.command(&["cluster", "pull-secret"], "");
    assert!(told.stderr.contains("no longer good"), "{told}");
    let renewed: Value = serde_json::from_str(&told.ok()).expect("one JSON document");
    let (_, new) = login(&renewed, ADDRESS);
    registry.client().basic(&name, &old).get("/v2/").expect(401);
    registry.client().basic(&name, &new).get("/v2/").expect(200);

    let (other, password) = login(&secret(&registry, &["--user", "east"]), ADDRESS);
    assert_eq!(other, "east");
    registry
        .client()
        .basic(&other, &password)
        .get("/v2/")
        .expect(200);
    registry.client().basic(&name, &new).get("/v2/").expect(200);
    let list = registry.command(&["user", "list", "--json"], "").ok();
    let list: Value = serde_json::from_str(&list).expect("one JSON document");
    let expected = json!({ "name": "east", "admin": false, "pullOnly": true });
    assert_eq!(list["users"][2], expected);
    registry.finish();
}

#[test]
fn an_account_that_may_do_more_is_not_given_to_nodes() {
    let registry = registry();
    let ci = registry.user("ci", "a password");
    let words = ["cluster", "pull-secret", "--user", "ci"];
    let told = registry.command(&words, "");
    assert_eq!(told.stdout, "");
    let story = told.fails(1);
    assert!(story.contains("may do more than pull"), "{story}");
    ci.get("/v2/").expect(200);
    registry.finish();
}
