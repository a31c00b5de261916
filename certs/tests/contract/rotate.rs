//! Two authorities at once: who accepts what, and when the old one goes.

use std::time::Duration;

use roadstead_certs::{Authority, describe};

use crate::bench::{DAY, HOUR, Home, connect, look, names, now, seen};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn clients_of_either_ca_accept_the_server_after_a_rotation() {
    let home = Home::new();
    let tls = home.tls(now());
    let old = tls.trust_pem(now());
    tls.rotate(now() + DAY).unwrap();
    let both = tls.trust_pem(now() + DAY);
    let new = both.strip_suffix(&old).expect("the old CA comes last");

    for trust in [&old, new, &both] {
        let leaf = seen(&tls, trust, now() + DAY);
        assert_eq!(leaf, tls.state().certificate);
        assert_eq!(leaf.issuer, tls.authority().subject);
    }
    // And after a restart.
    let tls = home.tls(now() + DAY);
    assert_eq!(tls.trust_pem(now() + DAY), both);
    for trust in [&old, new] {
        seen(&tls, trust, now() + DAY);
    }
}

#[test]
fn a_rotation_makes_a_new_key_and_a_new_name() {
    let home = Home::new();
    let mut authority = home.authority();
    let old = authority.current().clone();
    authority.rotate(now()).unwrap();
    assert_ne!(authority.current().subject, old.subject);
    assert_eq!(authority.previous(now()), Some(&old));
    assert_eq!(authority.current().validity.not_after, now() + DAY * 3652);
}

#[test]
fn the_next_rotation_retires_the_oldest() {
    let home = Home::new();
    let tls = home.tls(now());
    let first = tls.trust_pem(now());
    tls.rotate(now()).unwrap();
    let second = tls.authority();
    tls.rotate(now()).unwrap();

    assert_eq!(tls.previous_authority(now()), Some(second));
    let trusted = describe(&tls.trust_pem(now())).unwrap();
    assert_eq!(trusted.len(), 2);
    connect(&tls, &first, "registry.example", now()).unwrap_err();
}

#[tokio::test]
async fn the_old_ca_retires_by_itself_when_it_expires() {
    let home = Home::new();
    let tls = home.tls(now());
    let old_end = tls.authority().validity.not_after;
    tls.rotate(old_end - DAY * 30).unwrap();

    look(&tls, old_end).await;
    let trust = tls.trust_pem(old_end);
    assert_eq!(describe(&trust).unwrap().len(), 2);
    let chain = connect(&tls, &trust, "registry.example", old_end).unwrap();
    assert_eq!(chain.len(), 2);

    look(&tls, old_end + SECOND).await;
    let trust = tls.trust_pem(old_end + SECOND);
    assert_eq!(describe(&trust).unwrap(), [tls.authority()]);
    assert_eq!(tls.previous_authority(old_end + SECOND), None);
    let chain = connect(&tls, &trust, "registry.example", old_end + SECOND).unwrap();
    assert_eq!(chain.len(), 1);
}

#[test]
fn an_expired_ca_is_replaced_without_overlap() {
    let home = Home::new();
    let mut authority = home.authority();
    let later = authority.current().validity.not_after + SECOND;
    authority.rotate(later).unwrap();
    assert_eq!(authority.previous(later), None);
    assert_eq!(authority.current().validity.not_after, later + DAY * 3652);
    let issued = authority.issue(&names(["a.example"]), later).unwrap();
    assert_eq!(describe(&issued.chain_pem()).unwrap().len(), 1);
}

#[test]
fn what_is_issued_while_two_overlap_brings_the_link_between_them() {
    let home = Home::new();
    let mut authority = home.authority();
    let old = authority.current().clone();
    let later = now() + DAY;
    authority.rotate(later).unwrap();
    let issued = authority.issue(&names(["a.example"]), later).unwrap();
    let chain = describe(&issued.chain_pem()).unwrap();
    assert_eq!(chain[0].names, names(["a.example"]));
    assert_eq!(chain[1].subject, authority.current().subject);
    assert_eq!(chain[1].issuer, old.subject);
    assert_eq!(chain[1].validity.not_after, old.validity.not_after);
}

#[test]
fn a_rotation_beside_a_stopped_server_is_taken_up_at_its_start() {
    let home = Home::new();
    let old = home.tls(now()).trust_pem(now());
    Authority::open(&home.certs())
        .unwrap()
        .rotate(now() + HOUR)
        .unwrap();
    let tls = home.tls(now() + HOUR);
    assert_eq!(
        seen(&tls, &old, now() + HOUR).issuer,
        tls.authority().subject
    );
}
