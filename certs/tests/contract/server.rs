//! The server certificate of our own making: when it is renewed, and how it is swapped.

use std::fs;
use std::time::Duration;

use roadstead_certs::ServerTls;
use rustls::ServerConnection;

use crate::bench::{DAY, HOUR, Home, client, connect, leaf, look, names, now, pass, put, seen};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_trusts_the_ca_reaches_the_server_by_its_names_only() {
    let home = Home::new();
    let tls = home.tls(now());
    let all = names(["registry.example", "192.0.2.1", "2001:db8::1"]);
    tls.reload(all, None, now()).unwrap();
    let trust = tls.trust_pem(now());
    for name in ["registry.example", "192.0.2.1", "2001:db8::1"] {
        connect(&tls, &trust, name, now()).unwrap();
    }
    for name in ["other.example", "a.registry.example", "192.0.2.2"] {
        connect(&tls, &trust, name, now()).unwrap_err();
    }
}

#[test]
fn a_client_of_another_ca_is_not_convinced() {
    let tls = Home::new();
    let other = Home::new().authority().trust_pem(now());
    connect(&tls.tls(now()), &other, "registry.example", now()).unwrap_err();
}

#[test]
fn a_client_whose_clock_is_a_day_behind_still_connects() {
    let home = Home::new();
    let tls = home.tls(now());
    seen(&tls, &tls.trust_pem(now()), now() - DAY + SECOND);
}

#[test]
fn http_2_and_http_1_are_offered() {
    let tls = Home::new().tls(now());
    assert_eq!(tls.config().alpn_protocols, [&b"h2"[..], b"http/1.1"]);
    assert!(tls.config().ticketer.enabled());
}

#[tokio::test]
async fn it_is_renewed_at_two_thirds_of_its_life_and_not_before() {
    let home = Home::new();
    let tls = home.tls(now());
    let first = tls.state();
    let due = first.certificate.validity.not_before + DAY * 366 * 2 / 3;
    assert_eq!(first.renewal, Some(due));
    let trust = tls.trust_pem(now());

    look(&tls, due - SECOND).await;
    assert_eq!(tls.state(), first);
    look(&tls, due).await;
    let second = tls.state().certificate;
    assert_ne!(second.fingerprint, first.certificate.fingerprint);
    assert_eq!(second.validity.not_after, due + DAY * 365);
    assert_eq!(second.names, first.certificate.names);

    assert_eq!(tls.trust_pem(due), trust);
    assert_eq!(seen(&tls, &trust, due), second);
    assert_eq!(ServerTls::stored(&home.certs()).unwrap(), Some(second));
}

#[tokio::test]
async fn a_clock_that_jumps_past_the_end_only_costs_a_renewal() {
    let home = Home::new();
    let tls = home.tls(now());
    let later = now() + DAY * 500;
    look(&tls, later).await;
    seen(&tls, &tls.trust_pem(later), later);
}

#[test]
fn a_restart_keeps_the_certificate() {
    let home = Home::new();
    let first = home.tls(now()).state();
    assert_eq!(home.tls(now() + DAY).state(), first);
}

#[test]
fn a_name_added_renews_it_under_the_same_ca() {
    let home = Home::new();
    let tls = home.tls(now());
    let trust = tls.trust_pem(now());
    let more = names(["registry.example", "new.example"]);
    tls.reload(more.clone(), None, now()).unwrap();
    assert_eq!(tls.state().certificate.names, more);
    assert_eq!(tls.trust_pem(now()), trust);
    connect(&tls, &trust, "new.example", now()).unwrap();
}

#[test]
fn a_name_taken_away_waits_for_the_next_renewal() {
    let home = Home::new();
    let tls = home.tls(now());
    let both = names(["registry.example", "old.example"]);
    tls.reload(both, None, now()).unwrap();
    let before = tls.state();
    tls.reload(names(["registry.example"]), None, now())
        .unwrap();
    assert_eq!(tls.state(), before);
    tls.renew(now()).unwrap();
    assert_eq!(tls.state().certificate.names, names(["registry.example"]));
}

#[test]
fn a_handshake_that_has_begun_keeps_its_certificate() {
    let home = Home::new();
    let tls = home.tls(now());
    let trust = tls.trust_pem(now());
    let first = tls.state().certificate;

    let mut client = client(&trust, "registry.example", now());
    let mut server = ServerConnection::new(tls.config()).unwrap();
    pass(&mut client, &mut server).unwrap();
    tls.renew(now()).unwrap();
    assert_ne!(tls.state().certificate, first);
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut server, &mut client).unwrap();
        pass(&mut client, &mut server).unwrap();
    }

    assert_eq!(leaf(client.peer_certificates().unwrap()), first);
    assert_eq!(seen(&tls, &trust, now()), tls.state().certificate);
}

#[tokio::test]
async fn one_that_ends_with_its_ca_is_not_renewed_over_and_over() {
    let home = Home::new();
    let end = home.tls(now()).authority().validity.not_after;
    let tls = home.tls(end - HOUR);
    let last = tls.state();
    assert_eq!(last.certificate.validity.not_after, end);
    assert_eq!(last.renewal, None);
    look(&tls, end - SECOND).await;
    assert_eq!(tls.state(), last);
}

#[tokio::test]
async fn a_renewal_that_fails_keeps_what_is_in_use_and_is_tried_again() {
    let home = Home::new();
    let tls = home.tls(now());
    let first = tls.state();
    let due = first.renewal.unwrap();
    // A directory where the draft should go: nothing can be written.
    let draft = home.certs().join("server.pem.tmp");
    fs::create_dir(&draft).unwrap();

    tls.renew(now()).unwrap_err();
    tls.reload(names(["other.example"]), None, now())
        .unwrap_err();
    look(&tls, due).await;
    assert_eq!(tls.state(), first);
    assert_eq!(
        home.tls(due).state(),
        first,
        "nor does it keep a server from starting"
    );

    fs::remove_dir(&draft).unwrap();
    look(&tls, due).await;
    assert_ne!(tls.state(), first);
    assert_eq!(tls.state().certificate.names, names(["registry.example"]));
}

#[test]
fn a_rotation_stands_even_if_the_server_certificate_has_to_wait() {
    let home = Home::new();
    let tls = home.tls(now());
    let (ca, first) = (tls.authority(), tls.state());
    fs::create_dir(home.certs().join("server.pem.tmp")).unwrap();
    tls.rotate(now()).unwrap();
    assert_eq!(tls.previous_authority(now()), Some(ca));
    assert_eq!(tls.state(), first);
    seen(&tls, &tls.trust_pem(now()), now());
}

#[test]
fn a_rotation_that_cannot_be_written_changes_nothing() {
    let home = Home::new();
    let tls = home.tls(now());
    let (trust, first) = (tls.trust_pem(now()), tls.state());
    fs::create_dir(home.certs().join("ca.pem.tmp")).unwrap();
    tls.rotate(now()).unwrap_err();
    assert_eq!(tls.trust_pem(now()), trust);
    assert_eq!(tls.state(), first);
}

#[test]
fn a_stored_certificate_can_be_described_without_serving() {
    let home = Home::new();
    assert_eq!(ServerTls::stored(&home.certs()).unwrap(), None);
    let state = home.tls(now()).state();
    let stored = ServerTls::stored(&home.certs()).unwrap();
    assert_eq!(stored, Some(state.certificate));
    put(&home.certs().join("server.pem"), "", 0o600);
    ServerTls::stored(&home.certs()).unwrap_err();
}
