//! `ca`: what clients are given so that they trust the registry.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use harness::{Peer, Registry};
use serde_json::Value;

/// The base64 of the CA, line by line: it must be in every form of the export.
fn lines(registry: &Registry) -> Vec<String> {
    let pem = String::from_utf8(registry.ca()).expect("PEM is text");
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .map(ToOwned::to_owned)
        .collect()
}

fn export(registry: &Registry, words: &[&str]) -> String {
    let mut all = vec!["ca", "export"];
    all.extend(words);
    let text = registry.command(&all, "").ok();
    for line in lines(registry) {
        assert!(text.contains(&line), "the CA is not in: {text}");
    }
    assert!(!text.contains("PRIVATE"), "{text}");
    text
}

/// The key of each entry under `data:` of a `ConfigMap`.
fn keys(configmap: &str) -> Vec<&str> {
    let entries = configmap
        .lines()
        .skip_while(|line| line.trim_end() != "data:")
        .skip(1);
    let entries = entries.take_while(|line| line.starts_with("  "));
    let keys = entries
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| {
            line.split_once(": ")
                .map(|(key, _)| key.trim().trim_matches('"'))
        });
    keys.collect()
}

#[test]
fn the_ca_is_exported_as_pem_by_default() {
    let registry = Registry::start();

    assert_eq!(
        export(&registry, &[]),
        export(&registry, &["--format", "pem"])
    );
    registry.finish();
}

#[test]
fn an_openshift_configmap_has_a_key_per_address() {
    let registry = Registry::start();

    let map = export(
        &registry,
        &[
            "--format",
            "configmap",
            "--address",
            "registry.example.com:8443",
            "--address",
            "mirror.example.com",
        ],
    );

    assert!(map.contains("kind: ConfigMap"), "{map}");
    assert!(map.contains("namespace: openshift-config"), "{map}");
    let mut keys = keys(&map);
    keys.sort_unstable();
    // A colon is not allowed in a key, so the port stands behind two dots.
    assert_eq!(
        keys,
        [
            "mirror.example.com",
            "registry.example.com..8443",
            "updateservice-registry"
        ]
    );
    registry.finish();
}

#[test]
fn an_install_config_gets_its_trust_bundle() {
    let registry = Registry::start();

    let block = export(&registry, &["--format", "install-config"]);

    assert!(block.contains("additionalTrustBundle: |"), "{block}");
    assert!(
        block.contains("additionalTrustBundlePolicy: Always"),
        "{block}"
    );
    registry.finish();
}

#[test]
fn a_directory_for_podman_and_docker_is_written_where_the_caller_says() {
    let registry = Registry::start();
    let to = registry.scratch().join("trust");

    let words = [
        "ca",
        "export",
        "--format",
        "certs.d",
        "--address",
        "registry.example.com:8443",
    ];
    let words = words
        .into_iter()
        .chain(["--to", to.to_str().expect("an ASCII path")]);
    registry.command(&words.collect::<Vec<_>>(), "").ok();

    let written = fs::read(to.join("registry.example.com:8443/ca.crt")).expect("the CA");
    assert_eq!(written.trim_ascii(), registry.ca().trim_ascii());
    registry.finish();
}

#[test]
fn without_an_address_the_configured_one_is_used() {
    let config = "address = \"registry.example.com:8443\"\nnames = [\"registry.example.com\"]\n";
    let registry = Registry::with().config(config).start();

    let map = export(&registry, &["--format", "configmap"]);

    assert!(keys(&map).contains(&"registry.example.com..8443"), "{map}");
    assert!(!map.contains("localhost"), "{map}");
    registry.finish();
}

#[test]
fn the_ca_describes_itself() {
    let registry = Registry::with()
        .flags(["--name", "registry.example.com"])
        .start();

    let text = registry.command(&["ca", "show"], "").ok();
    assert!(text.contains("registry.example.com"), "{text}");
    let json = registry.command(&["ca", "show", "--json"], "").ok();
    let json: Value = serde_json::from_str(&json).expect("one JSON document");
    assert!(json.to_string().contains("registry.example.com"), "{json}");
    registry.finish();
}

#[test]
fn a_certificate_for_another_server_is_issued_into_files_of_the_caller() {
    let registry = Registry::start();
    let to = registry.scratch().dir("issued");

    let words = [
        "ca",
        "issue",
        "--name",
        "other.example.com",
        "--name",
        "192.0.2.9",
        "--to",
    ];
    let words = words
        .into_iter()
        .chain([to.to_str().expect("an ASCII path")]);
    registry.command(&words.collect::<Vec<_>>(), "").ok();

    let [cert, key] = ["crt", "key"].map(|end| to.join(format!("other.example.com.{end}")));
    let mode = fs::metadata(&key).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // It serves: by another registry, whose clients trust the CA of this one.
    let config = format!("[tls]\ncert = {cert:?}\nkey = {key:?}\n");
    let mut other = Registry::with().config(config).start();
    for name in ["other.example.com", "192.0.2.9"] {
        let peer = Peer::meet(other.tls_address(), name, &registry.ca(), &[]);
        let peer = peer.expect("a certificate of our CA");
        assert_eq!(peer.names.len(), 2, "{peer:?}");
        assert!(!peer.is_ca);
    }
    other.stop();
    registry.finish();
}

#[test]
fn the_ca_is_exported_while_no_server_runs() {
    let mut registry = Registry::start();
    let ca = registry.ca();
    registry.stop();

    assert_eq!(registry.ca(), ca);
    registry.start_again();
    registry.finish();
}
