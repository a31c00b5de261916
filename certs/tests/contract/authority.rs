//! The CA: made once, kept, and what it issues.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use roadstead_certs::{Authority, Error, describe};

use crate::bench::{DAY, Home, names, now, put};

#[test]
fn the_ca_is_made_once() {
    let home = Home::new();
    let first = home.authority().trust_pem(now());
    assert_eq!(home.authority().trust_pem(now()), first);
    let opened = Authority::open(&home.certs()).unwrap();
    assert_eq!(opened.trust_pem(now()), first);
}

#[test]
fn the_ca_signs_itself_and_lasts_ten_years() {
    let home = Home::new();
    let authority = home.authority();
    let ca = authority.current();
    assert!(ca.is_authority);
    assert_eq!(ca.subject, ca.issuer);
    assert!(ca.subject.starts_with("CN=Roadstead CA "), "{}", ca.subject);
    assert!(ca.names.is_empty());
    assert_eq!(ca.validity.not_before, now() - DAY);
    assert_eq!(ca.validity.not_after, now() + DAY * 3652);
    assert!(authority.previous(now()).is_none());
}

#[test]
fn no_two_authorities_share_a_name() {
    let (one, other) = (Home::new(), Home::new());
    assert_ne!(
        one.authority().current().subject,
        other.authority().current().subject
    );
}

#[test]
fn a_certificate_carries_the_names_asked_for_and_no_others() {
    let home = Home::new();
    let authority = home.authority();
    let asked = names([
        "a.example",
        "*.b.example",
        "192.0.2.1",
        "2001:db8::1",
        "localhost",
    ]);
    let issued = authority.issue(&asked, now()).unwrap();
    let leaf = issued.details();
    assert_eq!(leaf.names, asked);
    assert!(!leaf.is_authority);
    assert_eq!(leaf.issuer, authority.current().subject);
    assert_eq!(leaf.validity.not_before, now() - DAY);
    assert_eq!(leaf.validity.not_after, now() + DAY * 365);
    assert_eq!(
        describe(&issued.chain_pem()).unwrap(),
        std::slice::from_ref(leaf)
    );
}

#[test]
fn each_certificate_has_a_key_of_its_own() {
    let home = Home::new();
    let authority = home.authority();
    let asked = names(["a.example"]);
    let one = authority.issue(&asked, now()).unwrap();
    let other = authority.issue(&asked, now()).unwrap();
    assert_ne!(one.key_pem(), other.key_pem());
    assert_ne!(one.details().fingerprint, other.details().fingerprint);
}

#[test]
fn no_certificate_outlives_its_ca() {
    let home = Home::new();
    let authority = home.authority();
    let end = authority.current().validity.not_after;
    let issued = authority.issue(&names(["a.example"]), end - DAY).unwrap();
    assert_eq!(issued.details().validity.not_after, end);

    let late = authority.issue(&names(["a.example"]), end + Duration::from_secs(1));
    let error = late.err().unwrap();
    assert!(matches!(error, Error::AuthorityExpired { .. }), "{error:?}");
}

#[test]
fn a_certificate_needs_a_name() {
    let error = Home::new().authority().issue(&BTreeSet::new(), now()).err();
    assert!(matches!(error, Some(Error::NoNames)), "{error:?}");
}

#[test]
fn a_damaged_ca_is_refused_and_never_replaced() {
    let home = Home::new();
    home.authority();
    let other = Home::new();
    other.authority();
    let file = home.certs().join("ca.pem");
    let whole = fs::read_to_string(&file).unwrap();
    let foreign = fs::read_to_string(other.certs().join("ca.pem")).unwrap();
    let cut = whole.find("-----BEGIN CERTIFICATE").unwrap();
    let foreign_cut = foreign.find("-----BEGIN CERTIFICATE").unwrap();
    let issued = home
        .authority()
        .issue(&names(["a.example"]), now())
        .unwrap();

    for damaged in [
        String::new(),
        whole[..cut].to_owned(),
        whole[cut..].to_owned(),
        whole[..whole.len() - 10].to_owned(),
        format!("{whole}{}", &whole[cut..]),
        format!("{}{}", &whole[..cut], &foreign[foreign_cut..]),
        format!("{}{}", issued.key_pem(), issued.chain_pem()),
    ] {
        put(&file, &damaged, 0o600);
        let error = Authority::open_or_create(&home.certs(), now()).err();
        assert!(matches!(error, Some(Error::File { .. })), "{damaged}");
        assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
    }
}
