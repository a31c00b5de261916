//! Private keys stay where they were made: nothing that the registry says holds one.

use std::fs;

use harness::Registry;

/// The body of a PEM file's private key, a line of it at a time.
fn private_lines(pem: &str) -> Vec<&str> {
    let key = pem
        .split("-----BEGIN ")
        .find(|part| part.contains("PRIVATE KEY-----"));
    let body = key.unwrap_or_default().lines().skip(1);
    body.take_while(|line| !line.starts_with("-----")).collect()
}

#[test]
fn the_keys_of_the_registry_are_in_nothing_that_it_hands_out() {
    let registry = Registry::with().env("ROADSTEAD_LOG", "trace").start();
    let mut keys = String::new();
    for entry in fs::read_dir(registry.data().join("certs")).expect("certs/") {
        let path = entry.expect("an entry").path();
        keys += &fs::read_to_string(path).expect("PEM is text");
    }
    let secret: Vec<String> = keys
        .split("-----END PRIVATE KEY-----")
        .flat_map(private_lines)
        .map(str::to_owned)
        .collect();
    assert!(
        secret.len() > 3,
        "the keys of the CA, of the server and of tokens are there"
    );

    let mut said = Vec::new();
    for format in ["pem", "configmap", "install-config"] {
        said.push(
            registry
                .command(&["ca", "export", "--format", format], "")
                .stdout,
        );
    }
    for words in [
        ["ca", "show"].as_slice(),
        &["config", "show"],
        &["store", "stat"],
        &["--help"],
    ] {
        said.push(registry.command(words, "").stdout);
    }
    let client = registry.admin();
    for path in [
        "/ca.crt",
        "/metrics",
        "/readyz",
        "/v2/",
        "/token",
        "/certs/ca.pem",
    ] {
        said.push(client.get(path).text().to_owned());
    }
    said.push(registry.log());

    for text in said {
        assert!(!text.contains("PRIVATE KEY"), "{text}");
        let leaked = secret.iter().find(|line| text.contains(line.as_str()));
        assert_eq!(leaked, None, "{text}");
    }
    registry.finish();
}
