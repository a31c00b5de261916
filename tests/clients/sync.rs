//! All of another registry, moved here by a job: every repository, every tag, byte for byte.

use std::collections::BTreeSet;

use harness::tools::{Containers, Distribution};
use harness::upstream::Ca;
use harness::{Anonymous, Format, Image, Registry, Scratch, index_of};
use http::Method;
use serde_json::json;

/// Without this docker-registry finds nothing.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// Fills a registry with lists and images of both formats, which share layers.
fn fill(upstream: &Distribution) {
    let client = upstream.client();
    for (format, repository) in [
        (Format::Docker, "team/app"),
        (Format::Oci, "team/tools/deep"),
        (Format::Oci, "base"),
    ] {
        let [amd64, arm64] = ["amd64", "arm64"].map(|architecture| {
            let texts = ["of all", repository, architecture];
            Image::for_platform(format, ("linux", architecture), &texts)
        });
        for image in [&amd64, &arm64] {
            image.push(&client, repository, image.digest().as_str());
        }
        let children = [
            (&amd64.manifest, ("linux", "amd64")),
            (&arm64.manifest, ("linux", "arm64")),
        ];
        let list = index_of(format, &children);
        list.put(&client, repository, "1.0").expect(201);
        list.put(&client, repository, "latest").expect(201);
        amd64.push(&client, repository, "single");
        // As cosign signs where nobody knows of referrers.
        let signature = list.digest().as_str().replace(':', "-") + ".sig";
        Image::new(Format::Oci, repository).push(&client, repository, &signature);
    }
}

#[test]
fn all_of_a_registry_is_moved_with_its_signatures_and_a_second_run_moves_nothing() {
    let Some(containers) = Containers::new() else {
        return;
    };
    let ca = Ca::new();
    let Some(mut upstream) = Distribution::start(&ca, "mover", "a password") else {
        return;
    };
    fill(&upstream);
    let scratch = Scratch::new();
    let ca = scratch.file("ca.crt", ca.pem());
    let login = json!({ "username": "mover", "password": "a password" });
    let login = json!({ "auths": { upstream.host(): login } });
    let login = scratch.file("auth.json", login.to_string());
    let config = format!(
        "[[upstream]]\nname = \"old.example\"\nurls = [\"{}\"]\n\
         ca_file = \"{}\"\nauth_file = \"{}\"\n\
         [[sync]]\nname = \"move\"\nfrom = \"old.example\"\nrepositories = [\"**\"]\nto = \"\"\n",
        upstream.url(),
        ca.display(),
        login.display()
    );
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Pull)
        .start();
    registry.command(&["mirror", "run", "move"], "").ok();

    let (there, here) = (upstream.client(), registry.client());
    assert_eq!(here.catalog(), there.catalog());
    for repository in there.catalog() {
        let tags: BTreeSet<_> = there.tags(&repository).into_iter().collect();
        let moved: BTreeSet<_> = here.tags(&repository).into_iter().collect();
        assert_eq!(moved, tags, "{repository}");
        for tag in tags {
            let manifest = there.request(Method::GET, format!("/v2/{repository}/manifests/{tag}"));
            let manifest = manifest.header("accept", ACCEPTED).send().expect(200);
            let copy = here.manifest(&repository, &tag).expect(200);
            assert_eq!(copy.body, manifest.body, "{repository}:{tag}");
            assert_eq!(copy.must("content-type"), manifest.must("content-type"));
        }
    }
    let truth = registry.check();

    registry.command(&["mirror", "run", "move"], "").ok();
    assert_eq!(registry.check(), truth);

    upstream.stop();
    let host = registry.host();
    containers.trust(&host, &registry.ca());
    containers
        .podman(&["pull", &format!("{host}/team/app:1.0")])
        .ok();
    let image = format!("docker://{host}/team/tools/deep:latest");
    let target = format!("dir:{}", containers.scratch().dir("copy").display());
    containers.skopeo(&["copy", "--all", &image, &target]).ok();
    registry.finish().no_uploads();
}
