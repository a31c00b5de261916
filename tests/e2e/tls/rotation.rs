//! A new CA: those who trust the old one and those who trust the new one are both served.

use harness::{Anonymous, Client, Noise, Registry, pulling};

/// The certificates of a PEM, one by one.
fn certificates(pem: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(pem).expect("PEM is text");
    let blocks = text.split_inclusive("-----END CERTIFICATE-----");
    blocks
        .map(|block| block.trim().to_owned())
        .filter(|block| !block.is_empty())
        .collect()
}

#[test]
fn old_and_new_trust_both_hold_after_a_rotation_and_a_restart() {
    let mut registry = Registry::with().anonymous(Anonymous::Push).start();
    let old = registry.ca();
    let trusting = |pem: &[u8]| Client::tls(registry.tls_address(), pem);
    let old_client = trusting(&old);
    let blob = old_client.push_noise("a/b", &Noise::new(1, 32 * 1024 * 1024));

    pulling(
        &[old_client.clone(), old_client.clone().http2()],
        &blob,
        || registry.command(&["ca", "rotate"], "").ok(),
    );

    let both = certificates(&registry.ca());
    let old = certificates(&old);
    assert_eq!(
        both.len(),
        2,
        "both are exported while they overlap: {both:?}"
    );
    assert!(both.contains(&old[0]), "the old one is among them");
    let new = both
        .iter()
        .find(|certificate| **certificate != old[0])
        .expect("a new one");
    let new_client = trusting(new.as_bytes());
    pulling(&[old_client.clone(), new_client.clone()], &blob, || ());

    registry.restart();
    pulling(&[old_client, new_client, registry.client()], &blob, || ());
    registry.finish();
}

#[test]
fn what_hands_out_the_ca_hands_out_both_while_they_overlap() {
    let registry = Registry::start();
    registry.command(&["ca", "rotate"], "").ok();

    let exported = certificates(&registry.ca());
    let served = certificates(&registry.plain().get("/ca.crt").expect(200).body);

    assert_eq!(served, exported);
    let map = registry.command(
        &[
            "ca",
            "export",
            "--format",
            "configmap",
            "--address",
            "registry.example.com:8443",
        ],
        "",
    );
    let map = map.ok();
    assert_eq!(map.matches("BEGIN CERTIFICATE").count() % 2, 0, "{map}");
    for certificate in exported {
        let line = certificate.lines().nth(1).expect("a line of base64");
        assert!(map.contains(line), "{map}");
    }
    registry.finish();
}

/// Whoever must be rid of a CA at once, because its key leaked, rotates twice.
#[test]
fn after_two_rotations_the_first_ca_is_trusted_no_more() {
    let registry = Registry::start();
    let first = registry.ca();

    registry.command(&["ca", "rotate"], "").ok();
    registry.command(&["ca", "rotate"], "").ok();

    let address = registry.tls_address();
    harness::Peer::meet(address, "localhost", &first, &[]).expect_err("the first CA is gone");
    registry.client().get("/healthz").expect(200);
    registry.finish();
}
