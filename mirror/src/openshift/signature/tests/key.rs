//! Which keys suffice, by what their owners say of them.

use pgp::composed::{ArmorOptions, KeyType};
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, RevocationKey, RevocationKeyClass};

use super::lab::{
    BORN, DAY, Owner, SIGNED, flags, framed, key_lasts, keyring, message, outcome, packet, sign,
    signature_lasts, statement, weakly,
};
use crate::openshift::signature::Keyring;

/// By the primary key.
#[track_caller]
fn check(owner: &Owner, certificate: &[u8], because: Option<&str>) {
    check_message(&owner.signed(), certificate, because);
}

/// By the subkey.
#[track_caller]
fn check_subkey(owner: &Owner, certificate: &[u8], because: Option<&str>) {
    let signed = message(statement().as_bytes(), &[sign(&owner.subkey, SIGNED)]);
    check_message(&signed, certificate, because);
}

#[track_caller]
fn check_message(message: &[u8], certificate: &[u8], because: Option<&str>) {
    match (outcome(message, &[certificate.to_vec()]), because) {
        (Ok(_), None) => {}
        (Err(refused), Some(because)) if refused.to_string().contains(because) => {}
        (found, because) => panic!("{found:?} instead of {because:?}"),
    }
}

fn nothing(_: &mut pgp::packet::SignatureConfig) {}

#[test]
fn keys_of_all_usual_kinds_count() {
    for (version, kind) in [
        (KeyVersion::V4, KeyType::Rsa(2048)),
        (KeyVersion::V4, KeyType::Ed25519),
        (KeyVersion::V6, KeyType::Ed25519),
    ] {
        let owner = Owner::of(1, version, kind);
        check(&owner, &owner.plain(), None);
    }
}

#[test]
fn a_key_that_ran_out_before_it_signed_does_not_count_and_one_that_did_after_does() {
    let owner = Owner::new(1);
    let lasting = |seconds| {
        let said = vec![flags(true), key_lasts(seconds)];
        owner.certificate(&[], &[owner.certify(BORN, said)], &[])
    };
    check(&owner, &lasting(SIGNED - BORN + 1), None);
    check(&owner, &lasting(SIGNED - BORN), Some("only"));
    check(&owner, &lasting(0), None);
}

#[test]
fn what_the_owner_says_last_of_how_long_a_key_is_good_holds() {
    let owner = Owner::careless();
    let short = owner.certify(BORN, vec![flags(true), key_lasts(DAY)]);
    let long = owner.certify(
        BORN + DAY,
        vec![flags(true), key_lasts(SIGNED - BORN + DAY)],
    );
    let short_again = owner.certify(BORN + 2 * DAY, vec![flags(true), key_lasts(DAY)]);
    let both = [long.clone(), short.clone()];
    check(owner, &owner.certificate(&[], &both, &[]), None);
    let all = [short_again.clone(), long.clone(), short];
    check(owner, &owner.certificate(&[], &all, &[]), Some("only"));
    // What was said of the name does not lengthen what was said of the key.
    let of_key = owner.about_key(SignatureType::Key, BORN, vec![key_lasts(DAY)], nothing);
    let certificate = owner.certificate(&[of_key], std::slice::from_ref(&long), &[]);
    check(owner, &certificate, Some("only"));
    // What was said in a way that has been broken was not said; nor what was said by others.
    let stranger = Owner::new(2);
    let weak = owner.certify_as(SignatureType::CertPositive, SIGNED, vec![], weakly);
    let strange = stranger.certify(SIGNED, vec![]);
    let certificate = owner.certificate(&[], &[weak, strange, short_again], &[]);
    check(owner, &certificate, Some("only"));
}

#[test]
fn a_certification_that_runs_out_takes_the_key_along() {
    let owner = Owner::new(1);
    let said = vec![flags(true), signature_lasts(DAY)];
    let certificate = owner.certificate(&[], &[owner.certify(BORN, said)], &[]);
    check(&owner, &certificate, Some("only"));
}

#[test]
fn a_key_does_not_count_for_what_is_older_than_itself() {
    let owner = Owner::new(1);
    let signed = message(statement().as_bytes(), &[sign(&owner.key, BORN - 1)]);
    check_message(&signed, &owner.plain(), Some("older than the key"));
}

#[test]
fn a_revoked_key_does_not_count_whenever_it_was_revoked() {
    let owner = Owner::careless();
    let good = owner.certify(BORN, vec![flags(true)]);
    for at in [BORN + DAY, SIGNED + DAY] {
        for change in [nothing, weakly] {
            let revoked = owner.about_key(SignatureType::KeyRevocation, at, vec![], change);
            let certificate = owner.certificate(
                std::slice::from_ref(&revoked),
                std::slice::from_ref(&good),
                &[],
            );
            check(owner, &certificate, Some("has been revoked"));
            // Wherever it stands.
            let certificate = owner.certificate(&[], &[good.clone(), revoked], &[]);
            check(owner, &certificate, Some("has been revoked"));
        }
    }
}

#[test]
fn nobody_else_revokes_a_key_except_whom_its_owner_allows_it() {
    let (owner, stranger) = (Owner::new(1), Owner::new(2));
    let good = [owner.certify(BORN, vec![flags(true)])];
    let revocation = stranger.about_key(SignatureType::KeyRevocation, SIGNED, vec![], nothing);
    let certificate = owner.certificate(std::slice::from_ref(&revocation), &good, &[]);
    check(&owner, &certificate, None);
    let fingerprint = stranger.key.fingerprint().as_bytes().to_vec();
    let by_stranger = SubpacketData::RevocationKey(RevocationKey::new(
        RevocationKeyClass::Default,
        stranger.key.algorithm(),
        &fingerprint,
    ));
    let allowed = owner.about_key(SignatureType::Key, BORN, vec![by_stranger], nothing);
    let certificate = owner.certificate(&[allowed, revocation], &good, &[]);
    check(&owner, &certificate, Some("has been revoked"));
}

#[test]
fn a_copy_that_knows_of_a_revocation_speaks_for_all_copies() {
    let owner = Owner::new(1);
    let good = [owner.certify(BORN, vec![flags(true)])];
    let revoked = owner.about_key(SignatureType::KeyRevocation, SIGNED, vec![], nothing);
    let (old, new) = (owner.plain(), owner.certificate(&[revoked], &good, &[]));
    for files in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
        let refused = outcome(&owner.signed(), &files).unwrap_err();
        assert!(refused.to_string().contains("revoked"), "{refused}");
        assert_eq!(keyring(&files).fingerprints().len(), 1);
    }
    check(&owner, &[old, new].concat(), Some("has been revoked"));
}

#[test]
fn a_revoked_name_says_nothing_of_its_key() {
    let owner = Owner::new(1);
    let good = owner.certify(BORN, vec![flags(true)]);
    let revoked = owner.certify_as(SignatureType::CertRevocation, SIGNED, vec![], nothing);
    let again = owner.certify(SIGNED + DAY, vec![flags(true)]);
    let certificate = owner.certificate(&[], &[good.clone(), revoked.clone()], &[]);
    let refused = Keyring::parse(&[("old", &certificate)]).unwrap_err();
    assert_eq!(refused.to_string(), "read the keys in old");
    let certificate = owner.certificate(&[], &[good, revoked, again], &[]);
    check(&owner, &certificate, None);
}

#[test]
fn a_key_for_other_things_may_not_sign() {
    let owner = Owner::new(1);
    let only_certifies = owner.certify(BORN, vec![flags(false)]);
    let certificate = owner.certificate(&[], std::slice::from_ref(&only_certifies), &[]);
    check(&owner, &certificate, Some("may not sign"));
    let silent = owner.certify(BORN, vec![]);
    check(&owner, &owner.certificate(&[], &[silent], &[]), None);
    // Its subkey may all the same.
    let bound = bound(&owner, vec![flags(true), owner.back(&owner, nothing)]);
    let certificate = owner.certificate(&[], &[only_certifies], &[bound]);
    check_subkey(&owner, &certificate, None);
    check(&owner, &certificate, Some("may not sign"));
}

fn bound(owner: &Owner, said: Vec<SubpacketData>) -> Signature {
    owner.about_subkey(SignatureType::SubkeyBinding, BORN, said, nothing)
}

/// A certificate that is good itself, with what is said of its subkey.
fn with_subkey(owner: &Owner, said: &[Signature]) -> Vec<u8> {
    owner.certificate(&[], &[owner.certify(BORN, vec![flags(true)])], said)
}

#[test]
fn a_subkey_counts_when_both_say_that_it_belongs_to_the_key() {
    let owner = Owner::careless();
    let back = || owner.back(owner, nothing);
    let good = bound(owner, vec![flags(true), back()]);
    let certificate = with_subkey(owner, std::slice::from_ref(&good));
    check_subkey(owner, &certificate, None);
    let verified = outcome(
        &message(statement().as_bytes(), &[sign(&owner.subkey, SIGNED)]),
        &[certificate],
    );
    // Whose word it is, is told by the key that is known to people.
    let owner_key = format!("{:X}", owner.key.fingerprint());
    assert_eq!(verified.unwrap().key.as_str(), owner_key);
    let other = Owner::new(2);
    for (said, because) in [
        (vec![flags(true)], "may not sign"),
        (vec![back()], "may not sign"),
        (vec![flags(false), back()], "may not sign"),
        (
            vec![flags(true), owner.back(&other, nothing)],
            "may not sign",
        ),
        (vec![flags(true), owner.back(owner, weakly)], "may not sign"),
        (vec![flags(true), key_lasts(DAY), back()], "only"),
        (vec![flags(true), signature_lasts(DAY), back()], "only"),
    ] {
        let certificate = with_subkey(owner, &[bound(owner, said)]);
        check_subkey(owner, &certificate, Some(because));
        check(owner, &certificate, None);
    }
    let weak = owner.about_subkey(
        SignatureType::SubkeyBinding,
        BORN,
        vec![flags(true), back()],
        weakly,
    );
    check_subkey(owner, &with_subkey(owner, &[weak]), Some("none of those"));
    let strange = bound(&other, vec![flags(true), back()]);
    check_subkey(
        owner,
        &with_subkey(owner, &[strange]),
        Some("none of those"),
    );
}

#[test]
fn a_subkey_falls_with_its_key_and_by_itself() {
    let owner = Owner::careless();
    let good = bound(owner, vec![flags(true), owner.back(owner, nothing)]);
    let revoked = owner.about_subkey(SignatureType::SubkeyRevocation, SIGNED, vec![], weakly);
    let certificate = with_subkey(owner, &[good.clone(), revoked]);
    check_subkey(owner, &certificate, Some("has been revoked"));
    check(owner, &certificate, None);
    let key_revoked = owner.about_key(SignatureType::KeyRevocation, SIGNED, vec![], nothing);
    let own = owner.certify(BORN, vec![flags(true)]);
    let certificate = owner.certificate(&[key_revoked], &[own], std::slice::from_ref(&good));
    check_subkey(owner, &certificate, Some("has been revoked"));
    let expired = owner.certify(BORN, vec![flags(true), key_lasts(DAY)]);
    check_subkey(
        owner,
        &owner.certificate(&[], &[expired], &[good]),
        Some("only"),
    );
}

#[track_caller]
fn check_no_keys(bytes: &[u8], because: &str) {
    let refused = Keyring::parse(&[("mine", bytes)]).unwrap_err();
    let error: &dyn std::error::Error = &refused;
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains(because), "{cause:?} instead of {because:?}");
    assert_eq!(refused.to_string(), "read the keys in mine");
}

#[test]
fn what_is_no_file_of_public_keys_is_refused() {
    let owner = Owner::careless();
    check_no_keys(b"", "no public key");
    check_no_keys(b"hello", "no public key");
    check_no_keys(&owner.signed(), "no public key");
    check_no_keys(&packet(&owner.key), "secret key");
    check_no_keys(&[owner.plain(), packet(&owner.key)].concat(), "secret key");
    check_no_keys(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "secret key");
    check_no_keys(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n????\n", "armour");
    check_no_keys(&owner.plain()[..100], "cut short");
    check_no_keys(&framed(6, &[3; 40]), "kind that is not known");
    check_no_keys(&framed(6, &[5; 40]), "kind that is not known");
    check_no_keys(&vec![b' '; (1 << 20) + 1], "larger than 1048576");
    check_no_keys(
        &owner.certificate(&[], &[], &[]),
        "valid signature of its owner",
    );
    let weak = owner.certify_as(SignatureType::CertPositive, BORN, vec![flags(true)], weakly);
    check_no_keys(
        &owner.certificate(&[], &[weak], &[]),
        "valid signature of its owner",
    );
    let none: &[(&str, &[u8])] = &[];
    assert_eq!(
        Keyring::parse(none).unwrap_err().to_string(),
        "there is no key to trust"
    );
}

#[test]
fn no_damage_to_a_key_makes_it_panic() {
    let owner = Owner::new(1);
    let good = bound(&owner, vec![flags(true), owner.back(&owner, nothing)]);
    let certificate = with_subkey(&owner, &[good]);
    for place in (0..certificate.len()).step_by(3) {
        let mut changed = certificate.clone();
        changed[place] ^= 0x81;
        // Whether it can still be read is not said; that it can be asked is.
        drop(Keyring::parse(&[("damaged", changed)]));
        drop(Keyring::parse(&[("cut", &certificate[..place])]));
    }
}

fn armoured(owner: &Owner) -> String {
    let plain = owner.plain();
    let key =
        <pgp::composed::SignedPublicKey as pgp::composed::Deserializable>::from_bytes(&plain[..]);
    key.unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap()
}

#[test]
fn a_text_may_hold_several_keys_and_words_for_people() {
    let (ours, theirs) = (Owner::new(1), Owner::new(2));
    let text = format!(
        "pub  Owner\n\n{}\r\nthe next\n{}",
        armoured(&ours),
        armoured(&theirs).replace('\n', "\r\n")
    );
    let keys = Keyring::parse(&[("all", &text)]).unwrap();
    let expected: Vec<_> = [&ours, &theirs]
        .map(|owner| format!("{:X}", owner.key.fingerprint()))
        .into();
    let found: Vec<_> = keys
        .fingerprints()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, expected);
    for owner in [&ours, &theirs] {
        outcome(&owner.signed(), &[text.clone().into_bytes()]).unwrap();
    }
}
