//! `release remove`: what goes with a release, and what stays.

use harness::openshift::{Component, Release, name};
use harness::{Format, Image};

use super::{document, holding, told};

#[test]
fn a_release_goes_and_leaves_what_another_needs() {
    let shared = Component::small("etcd");
    let recipe = |version: &str| Release::with(version).component(shared.clone());
    let own = Component::image("cli", &Image::new(Format::Docker, "of the first alone"));
    let first = recipe("4.18.7").component(own.clone()).build();
    let second = recipe("4.18.8").build();
    let mut registry = holding(&[&first, &second]);

    let plan = document(&registry, &["remove", "4.18.7", "--dry-run"], 0);
    assert_eq!(plan["dryRun"], true);
    registry.stop();
    let alone = document(&registry, &["remove", "4.18.7", "--dry-run"], 0);
    registry.start_again();
    assert_eq!(alone["repositories"], plan["repositories"]);
    assert_eq!(registry.plain().tags(name::OUR_RELEASES).len(), 2);
    let text = told(&registry, &["remove", "4.18.7", "--dry-run"]);
    assert!(text.contains("would free"), "{text}");

    let removed = document(&registry, &["remove", "4.18.7"], 0);

    assert_eq!(removed["repositories"], plan["repositories"]);
    assert_eq!(removed["freedBytes"], plan["freedBytes"]);
    assert_eq!(
        removed["kept"],
        serde_json::json!([shared.digest().as_str()])
    );
    let client = registry.plain();
    assert_eq!(client.tags(name::OUR_RELEASES), ["4.18.8-x86_64"]);
    assert_eq!(client.tags(name::OUR_COMPONENTS), ["4.18.8-x86_64-etcd"]);
    client
        .manifest(name::OUR_COMPONENTS, own.digest().as_str())
        .expect(404);
    document(&registry, &["verify", "4.18.8", "--allow-unsigned"], 0);
    registry
        .command(&["release", "remove", "4.18.7"], "")
        .fails(1);
    let truth = registry.finish();
    assert_eq!(truth.repositories[name::OUR_COMPONENTS].manifests.len(), 1);
}
