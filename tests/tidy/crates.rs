//! Which crate may know which, and which crates nobody may know.

use std::collections::BTreeSet;
use std::process::Command;

use harness::Outcome;
use serde_json::Value;

use crate::source::root;

fn cargo(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    Outcome::of(
        command
            .args(words)
            .args(["--offline", "--locked"])
            .current_dir(root()),
        "",
    )
    .ok()
}

/// The crates of ours that this one depends on outside of its tests.
fn known_to(package: &str) -> BTreeSet<String> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages
        .iter()
        .find(|candidate| candidate["name"] == package)
        .unwrap_or_else(|| panic!("no package {package}"));
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|name| name.starts_with("roadstead"))
        .map(ToOwned::to_owned)
        .collect()
}

#[track_caller]
fn check_that_it_knows_at_most(package: &str, allowed: &[&str]) {
    let allowed: BTreeSet<_> = allowed.iter().map(ToString::to_string).collect();
    let forbidden: Vec<_> = known_to(package).difference(&allowed).cloned().collect();
    assert!(
        forbidden.is_empty(),
        "{package} must not depend on {forbidden:?}"
    );
}

#[test]
fn crates_lean_on_each_other_only_downwards() {
    check_that_it_knows_at_most("roadstead-storage", &[]);
    check_that_it_knows_at_most("roadstead-certs", &[]);
    check_that_it_knows_at_most("roadstead-mirror", &["roadstead-storage"]);
    check_that_it_knows_at_most(
        "roadstead",
        &["roadstead-certs", "roadstead-mirror", "roadstead-storage"],
    );
}

#[test]
fn there_is_one_crypto_stack() {
    let tree = cargo(&["tree", "--workspace", "--edges", "all", "--prefix", "none"]);
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let foreign = ["ring", "openssl", "openssl-sys", "native-tls"].contains(&name);
        assert!(
            !foreign,
            "{name} is in the tree; `cargo tree -i {name}` says who wants it"
        );
    }
}
