//! A new server certificate, while clients pull: nobody notices, and the CA stays the same.

use std::collections::BTreeSet;

use harness::{Noise, Peer, Registry, eventually, pulling};
use rustix::process::Signal;

/// What a client meets that trusts this PEM.
fn peer(registry: &Registry, name: &str, trust: &[u8]) -> std::io::Result<Peer> {
    Peer::meet(registry.tls_address(), name, trust, &[])
}

#[test]
fn a_name_added_by_a_reload_and_a_renewal_disturb_no_pull() {
    let names = |names: &str| format!("names = [{names}]\n[auth]\nanonymous = \"push\"\n");
    let mut registry = Registry::with()
        .config(names("\"old.example.com\""))
        .start();
    let ca = registry.ca();
    let client = registry.client();
    let blob = client.push_noise("a/b", &Noise::new(1, 48 * 1024 * 1024));
    let clients = [client.clone(), client.http2()];
    let before = peer(&registry, "old.example.com", &ca).expect("the first name");
    peer(&registry, "new.example.com", &ca).expect_err("nobody said that name yet");

    pulling(&clients, &blob, || {
        registry.reconfigure(&names("\"old.example.com\", \"new.example.com\""));
        registry.signal(Signal::HUP);
        eventually("the new name is served", || {
            peer(&registry, "new.example.com", &ca).is_ok()
        });
    });
    let widened = peer(&registry, "old.example.com", &ca).expect("the first name stays");
    assert_ne!(widened.serial, before.serial);
    let expected: BTreeSet<_> = before
        .names
        .iter()
        .cloned()
        .chain(["new.example.com".to_owned()])
        .collect();
    assert_eq!(widened.names, expected);

    pulling(&clients, &blob, || {
        registry.command(&["ca", "renew"], "").ok()
    });
    let renewed = peer(&registry, "new.example.com", &ca).expect("after the renewal");
    assert_ne!(renewed.serial, widened.serial);
    assert_eq!(renewed.names, widened.names);

    assert_eq!(registry.ca(), ca, "the CA is another");
    registry.finish();
}

#[test]
fn a_name_given_at_a_restart_is_in_the_certificate_of_the_same_ca() {
    let mut registry = Registry::start();
    let ca = registry.ca();
    peer(&registry, "new.example.com", &ca).expect_err("nobody said that name yet");

    registry.set_up(|setup| setup.flags(["--name", "new.example.com"]));
    registry.restart();

    peer(&registry, "new.example.com", &ca).expect("the new name");
    assert_eq!(registry.ca(), ca, "the CA is another");
    registry.finish();
}

#[test]
fn a_certificate_renewed_while_no_server_runs_is_served_by_the_next() {
    let mut registry = Registry::start();
    let ca = registry.ca();
    let before = peer(&registry, "localhost", &ca).expect("the first certificate");
    registry.stop();

    registry.command(&["ca", "renew"], "").ok();

    registry.start_again();
    let after = peer(&registry, "localhost", &ca).expect("the second certificate");
    assert_ne!(after.serial, before.serial);
    registry.finish();
}
