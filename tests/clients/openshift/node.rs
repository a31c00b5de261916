//! A node without the internet: podman with what `cluster podman` wrote pulls a release by the names
//! that it has at quay.io.

use std::collections::BTreeSet;
use std::path::Path;

use harness::openshift::{Fixture, Release, SignatureStore, name};
use harness::tools::Containers;
use harness::upstream::Ca;
use harness::{Registry, Scratch};
use serde_json::Value;

use super::{parts, registry};

/// Tells podman where all that is held lies, and whom to trust.
#[track_caller]
pub(super) fn tell(containers: &Containers, registry: &Registry) {
    let to = containers.config();
    let to = to.to_str().expect("scratch paths are text");
    let words = [
        "cluster",
        "podman",
        "--address",
        &registry.host(),
        "--to",
        to,
    ];
    registry.command(&words, "").ok();
}

/// Mirrors a release and pulls all of it, by the names in the report, when its registry is gone.
#[track_caller]
fn check(registry: Registry, store: &Path, layout: &[&str], gone: impl FnOnce()) {
    let Some(containers) = Containers::new() else {
        return;
    };
    let store = store.to_str().expect("a path of text");
    let words = ["mirror", "release", "4.18.7-x86_64", "--json"];
    let store = ["--signature-store", store];
    let words = [&words[..], &store, layout].concat();
    let report = registry.command(&words, "").ok();
    let report: Value = serde_json::from_str(&report).expect("a document");
    tell(&containers, &registry);
    gone();
    let source = |image: &Value| image["source"].as_str().expect("a text").to_owned();
    let images = report["images"].as_array().expect("images");
    let mut sources: BTreeSet<_> = images.iter().map(source).collect();
    let digest = report["release"]["digest"].as_str().expect("a digest");
    sources.insert(format!("{}/{}@{digest}", name::QUAY, name::RELEASES));
    assert!(sources.len() > 8, "{sources:?}");
    for source in sources {
        assert!(source.starts_with("quay.io/"), "{source}");
        containers.podman(&["pull", "--quiet", &source]).ok();
    }
    registry.finish().no_uploads();
}

#[test]
fn podman_pulls_each_component_by_its_own_name() {
    for layout in [&[][..], &["--to", "ocp4/openshift4"]] {
        let (ca, scratch) = (Ca::new(), Scratch::new());
        let Some((mut upstream, key)) = parts(&ca) else {
            return;
        };
        let (release, store) = (Release::typical().build(), SignatureStore::new());
        release.push(&upstream.client());
        let signature = key.attest(&release.digest(), "quay.io/a/b:1");
        store.put(&release.digest(), 1, signature);
        let registry = registry(&upstream, &ca, &scratch, &key.file());
        check(registry, store.path(), layout, || upstream.stop());
    }
}

#[test]
fn podman_pulls_each_component_of_the_release_that_oc_made() {
    let Some(fixture) = Fixture::find() else {
        return;
    };
    let (ca, scratch) = (Ca::new(), Scratch::new());
    let Some(mut upstream) = fixture.serve(&ca) else {
        return;
    };
    let registry = registry(&upstream, &ca, &scratch, &fixture.key());
    check(registry, &fixture.signatures(), &[], || upstream.stop());
}
