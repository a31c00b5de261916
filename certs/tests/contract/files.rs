//! What lies in the directory, and who may read it.

use std::fs;

use roadstead_certs::{Authority, Error, TokenKey};

use crate::bench::{Home, chmod, mode, now, put};

#[test]
fn the_directory_and_every_file_belong_to_the_owner_alone() {
    let home = Home::new();
    let tls = home.tls(now());
    TokenKey::open_or_create(&home.certs()).unwrap();
    tls.renew(now()).unwrap();
    tls.rotate(now()).unwrap();

    assert_eq!(mode(&home.certs()), 0o700);
    let mut files: Vec<_> = fs::read_dir(home.certs())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                mode(&entry.path()),
            )
        })
        .collect();
    files.sort();
    let expected = ["ca.pem", "server.pem", "token.key"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(files, expected);
}

#[test]
fn a_key_that_everyone_can_read_is_refused_by_name() {
    for name in ["ca.pem", "server.pem", "token.key"] {
        let home = Home::new();
        home.tls(now());
        TokenKey::open_or_create(&home.certs()).unwrap();
        chmod(&home.certs().join(name), 0o604);

        let error = if name == "token.key" {
            TokenKey::open_or_create(&home.certs()).err().unwrap()
        } else {
            home.try_tls(None, now()).err().unwrap()
        };
        let Error::File { path, source } = error else {
            panic!("{name}: {error:?}")
        };
        assert_eq!(path, home.certs().join(name));
        assert!(
            matches!(*source, Error::KeyExposed { mode: 0o604 }),
            "{source:?}"
        );
    }
}

#[test]
fn a_directory_that_others_may_change_is_refused() {
    let home = Home::new();
    home.authority();
    chmod(&home.certs(), 0o777);
    let error = Authority::open(&home.certs()).err().unwrap();
    assert!(
        matches!(error, Error::DirectoryExposed { mode: 0o777, .. }),
        "{error:?}"
    );
}

#[test]
fn a_draft_left_by_a_crash_is_no_obstacle_and_disappears() {
    let home = Home::new();
    let tls = home.tls(now());
    for name in ["ca.pem.tmp", "server.pem.tmp"] {
        put(&home.certs().join(name), "-----BEGIN PRIV", 0o600);
    }
    tls.rotate(now()).unwrap();
    assert!(!home.certs().join("ca.pem.tmp").exists());
    assert!(!home.certs().join("server.pem.tmp").exists());
}

#[test]
fn opening_what_does_not_exist_makes_nothing() {
    let home = Home::new();
    let error = Authority::open(&home.certs()).err().unwrap();
    assert!(matches!(error, Error::AuthorityMissing { .. }), "{error:?}");
    assert!(!home.certs().exists());
}
