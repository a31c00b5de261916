//! A rotation cut at any point leaves a set of files that works for every client.
//!
//! Each file is replaced whole, so what a crash can leave is any mixture of old and new files, with
//! or without drafts.

use std::fs;

use crate::bench::{Home, now, put, seen};

const FILES: [&str; 2] = ["ca.pem", "server.pem"];

#[test]
fn a_rotation_cut_anywhere_leaves_a_working_set() {
    let home = Home::new();
    let tls = home.tls(now());
    let before = read(&home);
    let old_trust = tls.trust_pem(now());
    tls.rotate(now()).unwrap();
    let after = read(&home);

    for new_files in 0..4_usize {
        for draft in [None, Some(0), Some(1)] {
            let crashed = Home::new();
            fs::create_dir(crashed.certs()).unwrap();
            for (index, name) in FILES.iter().enumerate() {
                let from = if new_files >> index & 1 == 1 {
                    &after
                } else {
                    &before
                };
                put(&crashed.certs().join(name), &from[index], 0o600);
            }
            if let Some(index) = draft {
                let half = &after[index][..300];
                put(
                    &crashed.certs().join(format!("{}.tmp", FILES[index])),
                    half,
                    0o600,
                );
            }
            let tls = crashed.tls(now());
            let context = format!("new files {new_files:02b}, draft {draft:?}");
            let leaf = seen(&tls, &old_trust, now());
            assert_eq!(leaf.issuer, tls.authority().subject, "{context}");
            assert_eq!(seen(&tls, &tls.trust_pem(now()), now()), leaf, "{context}");
            // It goes on from there: renewing and rotating work, for clients of the CA in force.
            let trust = tls.trust_pem(now());
            tls.renew(now()).unwrap();
            tls.rotate(now()).unwrap();
            seen(&tls, &trust, now());
        }
    }
}

#[test]
fn a_lost_or_damaged_server_certificate_is_made_again_by_the_same_ca() {
    let home = Home::new();
    let trust = home.tls(now()).trust_pem(now());
    let file = home.certs().join("server.pem");
    let whole = fs::read_to_string(&file).unwrap();
    let ca = fs::read_to_string(home.certs().join("ca.pem")).unwrap();
    let cut = whole.find("-----BEGIN CERTIFICATE").unwrap();
    let ca_cut = ca.find("-----BEGIN CERTIFICATE").unwrap();

    fs::remove_file(&file).unwrap();
    seen(&home.tls(now()), &trust, now());
    for damaged in [
        "",
        &whole[..100],
        &whole[..cut],
        &whole[cut..],
        &format!("{}{}", &ca[..ca_cut], &whole[cut..]),
        &format!(
            "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &whole[..cut]
        ),
    ] {
        put(&file, damaged, 0o600);
        let tls = home.tls(now());
        seen(&tls, &trust, now());
        assert_eq!(tls.trust_pem(now()), trust);
    }
}

fn read(home: &Home) -> [String; 2] {
    FILES.map(|name| fs::read_to_string(home.certs().join(name)).unwrap())
}
