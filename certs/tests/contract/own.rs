//! The administrator's certificate in place of ours.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use roadstead_certs::{Authority, Details, Error, OwnCertificate, ServerTls};

use crate::bench::{DAY, Home, chmod, look, names, now, put, seen};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn it_is_presented_instead_of_ours() {
    let home = Home::new();
    let own = home.own(now());
    let tls = home.try_tls(Some(own), now()).unwrap();
    assert!(tls.state().is_own);
    assert_eq!(tls.state().renewal, None);
    let foreign = foreign_trust(&home);
    assert_eq!(seen(&tls, &foreign, now()), tls.state().certificate);
    // Our CA is there all the same, for `ca issue` and for the way back.
    tls.reload(names(["registry.example"]), None, now())
        .unwrap();
    assert!(!tls.state().is_own);
    seen(&tls, &tls.trust_pem(now()), now());
}

#[test]
fn an_expired_one_is_refused() {
    refused(
        |_, _| {},
        now() + DAY * 365 + SECOND,
        |error| matches!(error, Error::Expired { .. }),
    );
}

#[test]
fn one_whose_time_has_not_come_is_refused() {
    refused(
        |_, _| {},
        now() - DAY - SECOND,
        |error| matches!(error, Error::NotYetValid { .. }),
    );
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    refused(
        |home, own| {
            let issued = home.authority().issue(&names(["a.example"]), now());
            put(&own.key, &issued.unwrap().key_pem(), 0o600);
        },
        now(),
        |error| matches!(error, Error::KeyMismatch),
    );
}

#[test]
fn a_key_that_everyone_can_read_is_refused() {
    refused(
        |_, own| chmod(&own.key, 0o644),
        now(),
        |error| matches!(error, Error::KeyExposed { mode: 0o644 }),
    );
}

#[test]
fn a_key_for_a_group_is_accepted() {
    let home = Home::new();
    let own = home.own(now());
    chmod(&own.key, 0o640);
    home.try_tls(Some(own), now()).unwrap();
}

#[test]
fn missing_or_senseless_files_are_refused() {
    refused(
        |_, own| fs::remove_file(&own.cert).unwrap(),
        now(),
        |error| matches!(error, Error::Io { .. }),
    );
    refused(
        |_, own| fs::remove_file(&own.key).unwrap(),
        now(),
        |error| matches!(error, Error::Io { .. }),
    );
    refused(
        |_, own| put(&own.cert, "not PEM at all", 0o644),
        now(),
        |error| matches!(error, Error::NoCertificate),
    );
    refused(
        |_, own| {
            let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n\
                          -----END ENCRYPTED PRIVATE KEY-----\n";
            put(&own.key, locked, 0o600);
        },
        now(),
        |error| matches!(error, Error::NoKey),
    );
}

#[test]
fn a_bad_one_at_a_reload_keeps_the_old() {
    let home = Home::new();
    let tls = home.tls(now());
    let first = tls.state();
    let own = home.own(now());
    let late = now() + DAY * 366;
    tls.reload(names(["new.example"]), Some(own), late)
        .unwrap_err();
    assert_eq!(tls.state(), first);
    tls.renew(now()).unwrap();
    assert_eq!(tls.state().certificate.names, names(["registry.example"]));
}

#[test]
fn it_is_not_ours_to_renew() {
    let home = Home::new();
    let own = home.own(now());
    let tls = home.try_tls(Some(own.clone()), now()).unwrap();
    let error = tls.renew(now()).unwrap_err();
    assert!(matches!(error, Error::OwnCertificate { path } if path == own.cert));
}

#[tokio::test]
async fn a_change_of_its_files_is_noticed_once_both_are_there() {
    let home = Home::new();
    let own = home.own(now());
    let tls = Arc::new(home.try_tls(Some(own.clone()), now()).unwrap());
    let first = foreign_state(&tls);
    let old_key = fs::read_to_string(&own.key).unwrap();

    home.own(now() + DAY);
    let new_key = fs::read_to_string(&own.key).unwrap();
    put(&own.key, &old_key, 0o600);
    look(&tls, now() + DAY).await;
    assert_eq!(foreign_state(&tls), first, "half replaced");

    put(&own.key, &new_key, 0o600);
    look(&tls, now() + DAY).await;
    assert_ne!(foreign_state(&tls), first);
    seen(&tls, &foreign_trust(&home), now() + DAY);
}

#[tokio::test]
async fn one_that_expires_in_use_stays_in_use() {
    let home = Home::new();
    let tls = Arc::new(home.try_tls(Some(home.own(now())), now()).unwrap());
    let first = foreign_state(&tls);
    look(&tls, now() + DAY * 366).await;
    assert_eq!(foreign_state(&tls), first);
}

/// Spoils a good pair, then checks that opening a server with it fails for the reason expected.
#[track_caller]
fn refused(
    spoil: impl FnOnce(&Home, &OwnCertificate),
    at: SystemTime,
    expected: impl FnOnce(&Error) -> bool,
) {
    let home = Home::new();
    let own = home.own(now());
    spoil(&home, &own);
    let error = home.try_tls(Some(own.clone()), at).err().unwrap();
    let Error::File { path, source } = error else {
        panic!("{error:?}")
    };
    assert!(path == own.cert || path == own.key);
    assert!(expected(&source), "{source:?}");
}

fn foreign_trust(home: &Home) -> String {
    let foreign = Authority::open(&home.path("elsewhere"));
    foreign.unwrap().trust_pem(now())
}

#[track_caller]
fn foreign_state(tls: &ServerTls) -> Details {
    let state = tls.state();
    assert!(state.is_own);
    state.certificate
}
