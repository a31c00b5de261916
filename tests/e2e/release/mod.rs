//! `release`: the releases that are held, listed, described, verified, removed, and their programs.
//!
//! The releases are pushed, so that nothing but what they consist of says that they are some.

mod extract;
mod fixture;
mod remove;
mod tell;
mod verify;

use harness::Registry;
use harness::openshift::{Release, name};
use serde_json::Value;

/// A registry that these were pushed to, where `mirror release` would put them.
#[track_caller]
fn holding(releases: &[&Release]) -> Registry {
    let registry = Registry::open();
    let client = registry.plain();
    for release in releases {
        for component in &release.components {
            component.push(&client, name::OUR_COMPONENTS);
            let tag = format!("{}-{}", release.tag(), component.name);
            let manifest = &component.manifest;
            manifest
                .put(&client, name::OUR_COMPONENTS, &tag)
                .expect(201);
        }
        release.push_image(&client, name::OUR_RELEASES);
    }
    registry
}

/// `release` with these words, which prints a document and ends with this code.
#[track_caller]
fn document(registry: &Registry, words: &[&str], code: i32) -> Value {
    let outcome = registry.command(&[&["release"], words, &["--json"]].concat(), "");
    assert_eq!(outcome.code, Some(code), "{outcome}");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// `release` with these words, which does what it should and says so to people.
#[track_caller]
fn told(registry: &Registry, words: &[&str]) -> String {
    registry.command(&[&["release"], words].concat(), "").ok()
}

/// How the registry says that it is reached.
#[track_caller]
fn address(registry: &Registry) -> String {
    let shown = registry.command(&["config", "show", "--json"], "").ok();
    let shown: Value = serde_json::from_str(&shown).expect("a document");
    shown["address"].as_str().expect("it has one").to_owned()
}
