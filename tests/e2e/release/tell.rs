//! `release list` and `release info`.

use harness::openshift::{Component, Release, name};
use harness::{Format, Image, Registry};
use serde_json::json;

use super::{address, document, holding, told};

#[test]
fn releases_are_listed_with_a_server_and_without() {
    let first = Release::typical().build();
    let second = Release::with("4.18.10")
        .component(Component::small("etcd"))
        .build();
    let mut registry = holding(&[&second, &first]);
    let client = registry.plain();
    Image::new(Format::Oci, "no release").push(&client, "team/app", "4.18.9-x86_64");
    let place = format!("{}/{}", address(&registry), name::OUR_RELEASES);

    let list = document(&registry, &["list"], 0);

    let entry = |release: &Release| {
        json!({ "version": release.version, "arch": "x86_64",
            "image": format!("{place}:{}", release.tag()), "digest": release.digest().as_str(),
            "components": name::OUR_COMPONENTS,
            "from": "quay.io/openshift-release-dev/ocp-release" })
    };
    assert_eq!(list, json!({ "releases": [entry(&first), entry(&second)] }));
    let text = told(&registry, &["list"]);
    let versions: Vec<_> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(versions, ["VERSION", "4.18.7", "4.18.10"]);

    registry.stop();
    let alone = document(&registry, &["list"], 0);
    assert_eq!(alone["releases"][0]["digest"], first.digest().as_str());
    registry.start_again();
    registry.finish();
}

#[test]
fn a_release_is_described_as_oc_describes_it() {
    let release = Release::typical().build();
    let registry = holding(&[&release]);
    let place = format!("{}/{}", address(&registry), name::OUR_RELEASES);

    let info = document(&registry, &["info", "4.18.7"], 0);

    assert_eq!(info["image"], format!("{place}:4.18.7-x86_64"));
    assert_eq!(info["digest"], release.digest().as_str());
    assert_eq!(info["contentDigest"], release.digest().as_str());
    assert_eq!(info["listDigest"], "");
    assert_eq!(info["metadata"]["previous"], json!(["4.17.20", "4.18.6"]));
    assert_eq!(
        info["config"]["config"]["Labels"]["io.openshift.release"],
        "4.18.7"
    );
    let tags = info["references"]["spec"]["tags"].as_array().unwrap();
    assert_eq!(tags.len(), release.components.len());

    let text = told(&registry, &["info", &format!("{place}:4.18.7-x86_64")]);
    for line in [
        format!("Pull From: {place}@{}", release.digest()),
        "  Upgrades: 4.17.20, 4.18.6".to_owned(),
        "    url: https://errata.example/RHBA-2025:0001".to_owned(),
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in\n{text}"
        );
    }
    for component in &release.components {
        let digest = component.digest();
        let row = text.lines().find(|line| line.ends_with(digest.as_str()));
        let name = row.and_then(|row| row.split_whitespace().next());
        assert_eq!(name, Some(component.name.as_str()));
    }
    registry.finish();
}

#[test]
fn what_is_not_held_is_told_with_what_is() {
    let release = Release::with("4.18.7").build();
    let registry = holding(&[&release]);
    let said = registry
        .command(&["release", "info", "4.18.8"], "")
        .fails(1);
    assert!(
        said.starts_with("error: describe the release 4.18.8\n"),
        "{said}"
    );
    assert!(
        said.contains("  because: no such release is held\n"),
        "{said}"
    );
    assert!(said.contains("  hint: held: 4.18.7-x86_64;"), "{said}");
    registry
        .command(&["release", "info", "latest"], "")
        .fails(64);
    registry.finish();

    let registry = Registry::open();
    let said = registry
        .command(&["release", "info", "4.18.8"], "")
        .fails(1);
    assert!(
        said.contains("`roadstead mirror release` brings one"),
        "{said}"
    );
    registry.finish();
}
