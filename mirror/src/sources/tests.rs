//! Upstreams that are never asked: only their names count.

use std::sync::Arc;
use std::time::Duration;

use globset::Glob;
use roadstead_storage::{Clock, Config, Store};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::*;
use crate::{Client, Credentials, Proxies, Spawn, Timeouts, Upstream};

async fn sources(names_and_prefixes: &[(&str, &str)]) -> (TempDir, Sources) {
    let dir = TempDir::new().unwrap();
    let store = Store::create_or_open(Config::new(dir.path()))
        .await
        .unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let tls = Arc::new(tls);
    let source = |(name, prefix): &(&str, &str)| {
        let client = Client::new(&Upstream {
            name: (*name).to_owned(),
            locations: vec![format!("https://{name}").parse().unwrap()],
            credentials: Credentials::default(),
            tls: Arc::clone(&tls),
            proxies: Proxies::none(),
            token_hosts: Vec::new(),
            redirect_hosts: Vec::new(),
            max_connections: 1,
            timeouts: Timeouts::default(),
        });
        let age = Duration::from_mins(5);
        let pull_through = PullThrough::new(
            store.clone(),
            client,
            Spawn::new(drop),
            Clock::system(),
            age,
        );
        Source {
            name: (*name).to_owned(),
            aliases: vec![format!("www.{name}")],
            prefix: (*prefix).to_owned(),
            repositories: vec![Glob::new("team/**").unwrap().compile_matcher()],
            anonymous_fill: false,
            writable: false,
            pull_through: Arc::new(pull_through),
        }
    };
    (
        dir,
        Sources::new(names_and_prefixes.iter().map(source).collect()),
    )
}

fn repo(name: &str) -> RepoName {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_repository_belongs_to_the_upstream_whose_prefix_it_has() {
    let (_dir, sources) = sources(&[
        ("quay.io", "quay.io"),
        ("team.example.com", "quay.io/team"),
        ("docker.io", "docker.io"),
    ])
    .await;
    let check = |name: &str, expected: Option<(&str, &str)>| {
        let found = sources.find(&repo(name));
        let found = found.map(|found| (found.source.name.clone(), found.place.remote.to_string()));
        let expected = expected.map(|(name, remote)| (name.to_owned(), remote.to_owned()));
        assert_eq!(found, expected, "{name}");
    };
    check("quay.io/a/b", Some(("quay.io", "a/b")));
    check("quay.io/team/b", Some(("team.example.com", "b")));
    check("quay.io/teammate", Some(("quay.io", "teammate")));
    check("docker.io/nginx", Some(("docker.io", "library/nginx")));
    check("docker.io/a/b", Some(("docker.io", "a/b")));
    check("quay.io", None);
    check("quay.iox/a", None);
    check("a/b", None);
}

#[tokio::test]
async fn an_upstream_without_prefix_has_what_no_other_has() {
    let (_dir, sources) = sources(&[("quay.io", ""), ("docker.io", "docker.io")]).await;
    let name = |name: &str| sources.find(&repo(name)).unwrap().source.name.clone();
    assert_eq!(name("a/b"), "quay.io");
    assert_eq!(name("docker.io/a"), "docker.io");
}

#[tokio::test]
async fn one_repository_has_one_name() {
    let (_dir, sources) = sources(&[("docker.io", "hub"), ("quay.io", "quay.io")]).await;
    let canonical = |name: &str| sources.canonical(&repo(name)).to_string();
    assert_eq!(canonical("hub/nginx"), "hub/library/nginx");
    assert_eq!(canonical("hub/a/nginx"), "hub/a/nginx");
    assert_eq!(canonical("quay.io/nginx"), "quay.io/nginx");
    assert_eq!(canonical("mine/nginx"), "mine/nginx");
}

#[tokio::test]
async fn a_namespace_means_what_lies_under_the_prefix_of_that_registry() {
    let (_dir, sources) = sources(&[("docker.io", "hub"), ("quay.io", "")]).await;
    let check = |path: &str, namespace: &str, expected: Option<&str>| {
        let meant = sources.meant(&repo(path), namespace);
        assert_eq!(meant, expected.map(repo), "{path} of {namespace}");
    };
    check("library/nginx", "docker.io", Some("hub/library/nginx"));
    check("nginx", "registry-1.docker.io", Some("hub/library/nginx"));
    check("a/b", "QUAY.io", Some("a/b"));
    check("a/b", "www.quay.io", Some("a/b"));
    check(
        "a/b",
        "reg.example.com:5000",
        Some("reg.example.com-5000/a/b"),
    );
    check("a/b", "../etc", None);
    check("a/b", "a b", None);
    check("a/b", "", None);
}

#[tokio::test]
async fn only_what_is_listed_may_be_fetched() {
    let (_dir, sources) = sources(&[("quay.io", "quay.io")]).await;
    let allows = |name: &str| {
        let found = sources.find(&repo(name)).unwrap();
        found.source.allows(&found.place.remote)
    };
    assert!(allows("quay.io/team/app"));
    assert!(!allows("quay.io/other/app"));
}
