//! What the first start makes: a CA and a server certificate with every name of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use harness::{Client, Peer, Registry};

const DAY: i64 = 24 * 60 * 60;

fn peer(registry: &Registry) -> Peer {
    Peer::meet(registry.tls_address(), "localhost", &registry.ca(), &[]).expect("a trusted peer")
}

#[test]
fn the_certificate_is_for_this_machine_and_every_name_it_was_told() {
    let names = [
        "--name",
        "registry.example.com",
        "--name",
        "192.0.2.7",
        "--name",
        "2001:db8::7",
    ];
    let registry = Registry::with().flags(names).start();

    let found = peer(&registry).names;

    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let expected = [
        "registry.example.com",
        "192.0.2.7",
        "2001:db8::7",
        "localhost",
        "127.0.0.1",
        "::1",
        hostname.trim(),
    ];
    let expected: BTreeSet<_> = expected.map(str::to_lowercase).into();
    let lower = found.iter().map(|name| name.to_lowercase()).collect();
    assert!(
        expected.is_subset(&lower),
        "{expected:?} are not all in {found:?}"
    );
    assert!(!found.iter().any(|name| name.contains('*')), "{found:?}");
    registry.finish();
}

#[test]
fn the_certificate_lasts_a_year_began_a_day_ago_and_signs_nothing() {
    let registry = Registry::start();

    let peer = peer(&registry);

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let now = i64::try_from(now).expect("before the year 292 billion");
    let (begin, end) = peer.validity;
    assert!(
        (now - DAY - 120..=now - DAY + 120).contains(&begin),
        "begins {} ago",
        now - begin
    );
    assert!(
        (now + 360 * DAY..=now + 370 * DAY).contains(&end),
        "ends in {}",
        end - now
    );
    assert!(!peer.is_ca);
    registry.finish();
}

#[test]
fn nobody_trusts_the_registry_without_its_ca() {
    let registry = Registry::start();
    let stranger = Registry::start();

    let address = registry.tls_address();
    Peer::meet(address, "localhost", &registry.ca(), &[]).expect("trusted by its own CA");
    Peer::meet(address, "localhost", &stranger.ca(), &[]).expect_err("another CA");
    Peer::meet(address, "other.example.com", &registry.ca(), &[]).expect_err("another name");
    stranger.finish();
    registry.finish();
}

#[test]
fn the_listener_speaks_http2_and_http1_and_says_so() {
    let registry = Registry::open();
    let ca = registry.ca();
    let agreed = |protocols: &[&str]| {
        let peer = Peer::meet(registry.tls_address(), "localhost", &ca, protocols);
        peer.expect("a trusted peer").protocol
    };

    assert_eq!(agreed(&["h2", "http/1.1"]).as_deref(), Some("h2"));
    assert_eq!(agreed(&["http/1.1"]).as_deref(), Some("http/1.1"));
    assert_eq!(agreed(&[]), None);
    registry.client().get("/v2/").expect(200);
    registry.client().http2().get("/v2/").expect(200);
    registry.finish();
}

#[test]
fn the_ca_is_handed_out_over_http_as_the_command_exports_it() {
    let registry = Registry::start();

    for client in [registry.plain(), registry.client()] {
        let answer = client.get("/ca.crt").expect(200);
        assert_eq!(
            answer.text().trim(),
            String::from_utf8(registry.ca()).unwrap().trim()
        );
        Client::tls(registry.tls_address(), &answer.body)
            .get("/healthz")
            .expect(200);
        assert!(!answer.text().contains("PRIVATE"));
    }
    registry.finish();
}

#[test]
fn whatever_is_secret_is_readable_by_its_owner_only() {
    let registry = Registry::start();
    registry.user("ci", "a password");
    let mode = |path: &str| {
        let metadata = fs::metadata(registry.data().join(path));
        metadata
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .permissions()
            .mode()
            & 0o7777
    };

    for file in ["admin-password", "users.htpasswd", "admin.sock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    assert_eq!(mode("") & 0o077, 0, "the data directory");
    for entry in fs::read_dir(registry.data().join("certs")).expect("certs/") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("ASCII");
        assert_eq!(mode(&format!("certs/{name}")), 0o600, "{name}");
    }
    registry.finish();
}

#[test]
fn the_certificate_survives_a_restart() {
    let mut registry = Registry::start();
    let (ca, before) = (registry.ca(), peer(&registry));

    registry.restart();

    assert_eq!(registry.ca(), ca);
    assert_eq!(peer(&registry), before);
    registry.finish();
}
