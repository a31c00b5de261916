//! Which messages vouch for a release, and which do not.

use bytes::Bytes;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::KeyDetails;

use super::lab::{
    DAY, NOW, Owner, SIGNED, WANTED, announce, deflated, framed, keyring, literal, message,
    outcome, packet, sign, sign_over, sign_with, signature_lasts, statement, time, weakly, zlibbed,
};
use crate::openshift::signature::{Unverified, judge, verify};

#[track_caller]
fn check_good(message: &[u8], owner: &Owner) {
    let verified = outcome(message, &[owner.plain()]).unwrap();
    let fingerprint = format!("{:X}", owner.key.fingerprint());
    assert_eq!(verified.key.as_str(), fingerprint);
    assert_eq!(verified.made_at, time(SIGNED));
    assert_eq!(verified.reference, "quay.io/a/b:4.18.7-x86_64");
    assert_eq!(verified.creator.as_deref(), Some("lab"));
}

#[track_caller]
fn check_refused(message: &[u8], because: &str) {
    let refused = outcome(message, &[Owner::new(1).plain()]).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains(because), "{text:?} instead of {because:?}");
}

#[test]
fn a_signature_stands_behind_its_text_or_before_it() {
    let owner = Owner::new(1);
    check_good(&owner.signed(), &owner);
    let signature = packet(&sign(&owner.key, SIGNED));
    let before = [signature, literal(statement().as_bytes())].concat();
    check_good(&before, &owner);
}

#[test]
fn a_message_may_be_compressed_once() {
    let owner = Owner::new(1);
    let signed = owner.signed();
    check_good(&deflated(&signed), &owner);
    check_good(&zlibbed(&signed), &owner);
    check_good(&framed(8, &[&[0], &signed[..]].concat()), &owner);
    check_refused(&deflated(&deflated(&signed)), "compressed more than once");
    check_refused(&framed(8, &[3, 1, 2]), "a way that is not known");
    check_refused(&framed(8, &[1, 255, 255]), "cannot be decompressed");
    check_refused(&framed(8, &[]), "cut short");
    let followed = [framed(8, &[&[0], &signed[..]].concat()), signed].concat();
    check_refused(&followed, "something follows");
}

#[test]
fn a_bomb_is_not_unpacked_beyond_the_limit() {
    let owner = Owner::new(1);
    let body = vec![b' '; 10 << 20];
    let signature = sign_over(
        &owner.key,
        &body,
        SignatureConfig::v4(
            SignatureType::Binary,
            owner.key.algorithm(),
            HashAlgorithm::Sha256,
        ),
    );
    let bomb = deflated(&[literal(&body), packet(&signature)].concat());
    assert!(bomb.len() < 20_000);
    check_refused(&bomb, "larger than 65536 bytes");
    check_refused(&vec![0xc2; 50 * 1024 + 1], "larger than 51200 bytes");
}

#[test]
fn what_is_no_signed_message_is_refused() {
    let owner = Owner::new(1);
    let (signature, body) = (sign(&owner.key, SIGNED), statement());
    let text = literal(body.as_bytes());
    let (given, announced) = (packet(&signature), announce(&signature));
    check_refused(b"", "empty");
    check_refused(b"-----BEGIN PGP MESSAGE-----\n", "something else");
    check_refused(&text, "nobody has signed it");
    check_refused(&given, "does not hold what it signs");
    check_refused(
        &[announced.clone(), given.clone()].concat(),
        "does not hold what",
    );
    check_refused(
        &[announced.clone(), text.clone()].concat(),
        "a signature is missing",
    );
    check_refused(&[text.clone(), given.clone()].concat(), "one too many");
    let twice = [announced.clone(), text.clone(), text.clone(), given.clone()];
    check_refused(&twice.concat(), "belongs into no such message");
    let mixed = [given.clone(), announced, text.clone(), given.clone()].concat();
    check_refused(&mixed, "signed in two ways");
    check_refused(&framed(18, &[1; 40]), "encrypted");
    check_refused(&owner.plain(), "belongs into no such message");
    check_refused(
        &[owner.signed(), b"more".to_vec()].concat(),
        "something else",
    );
    check_refused(
        &[owner.signed(), framed(13, b"me")].concat(),
        "belongs into no such",
    );
    check_refused(
        &[vec![given; 9].concat(), text].concat(),
        "too many have signed it",
    );
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let owner = Owner::new(1);
    let (keys, wanted) = (keyring(&[owner.plain()]), WANTED.parse().unwrap());
    let signed = owner.signed();
    let text_at = signed.windows(8).position(|window| window == b"critical");
    let text_at = text_at.unwrap() - 2;
    let body = text_at..text_at + statement().len();
    for place in 0..signed.len() {
        for change in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = signed.clone();
            changed[place] ^= change;
            let outcome = verify(&changed, &wanted, &keys, time(NOW));
            // What announces a signature, and the date of the text, are signed by nobody.
            let Ok(verified) = outcome else { continue };
            assert!(!body.contains(&place), "{place} {change}");
            assert_eq!(verified.made_at, time(SIGNED), "{place} {change}");
            assert_eq!(verified.reference, "quay.io/a/b:4.18.7-x86_64");
        }
    }
    for length in 0..signed.len() {
        verify(&signed[..length], &wanted, &keys, time(NOW)).unwrap_err();
    }
}

#[test]
fn a_compressed_message_that_is_damaged_is_refused() {
    let owner = Owner::new(1);
    let (keys, wanted) = (keyring(&[owner.plain()]), WANTED.parse().unwrap());
    let packed = deflated(&owner.signed());
    for place in 0..packed.len() {
        let mut changed = packed.clone();
        changed[place] ^= 0x10;
        if let Ok(verified) = verify(&changed, &wanted, &keys, time(NOW)) {
            assert_eq!(verified.made_at, time(SIGNED), "{place}");
        }
        let cut = verify(&packed[..place], &wanted, &keys, time(NOW));
        // What ends a compressed packet may be cut off; what is in it may not.
        assert!(cut.is_err() || place + 4 > packed.len(), "{place}");
    }
}

#[test]
fn another_digest_is_not_vouched_for() {
    let owner = Owner::new(1);
    let keys = keyring(&[owner.plain()]);
    let other = WANTED.replace("44136", "54136").parse().unwrap();
    let refused = verify(&owner.signed(), &other, &keys, time(NOW)).unwrap_err();
    let found = WANTED.parse().unwrap();
    assert!(
        matches!(&refused, Unverified::OtherDigest { found: digest } if **digest == found),
        "{refused}"
    );
}

#[test]
fn what_is_signed_has_to_be_a_statement() {
    let owner = Owner::new(1);
    for body in ["", "{}", "hello", &statement().replace("creator", "more")] {
        let config = sign(&owner.key, SIGNED).config().unwrap().clone();
        let signature = sign_over(&owner.key, body.as_bytes(), config);
        let message = message(body.as_bytes(), &[signature]);
        check_refused(&message, "says nothing of a release");
    }
}

#[test]
fn a_strangers_word_is_not_taken_and_the_stranger_is_named() {
    let stranger = Owner::new(2);
    let fingerprint = format!("{:X}", stranger.key.fingerprint());
    check_refused(&stranger.signed(), &fingerprint);
    // One that only claims to be ours.
    let ours = Owner::new(1).key.fingerprint();
    let forged = sign_with(&stranger.key, SIGNED, Vec::new(), |config| {
        config.hashed_subpackets[1] =
            Subpacket::regular(SubpacketData::IssuerFingerprint(ours)).unwrap();
    });
    let forged = message(statement().as_bytes(), &[forged]);
    check_refused(&forged, "or that key never did");
}

#[test]
fn one_good_signature_of_several_suffices() {
    let (ours, stranger) = (Owner::new(1), Owner::new(2));
    let signatures = [sign(&stranger.key, SIGNED), sign(&ours.key, SIGNED)];
    let body = statement();
    check_good(&message(body.as_bytes(), &signatures), &ours);
    let [first, second] = signatures;
    check_good(&message(body.as_bytes(), &[second, first]), &ours);
}

#[test]
fn the_time_of_a_signature_has_to_be_believable() {
    let owner = Owner::new(1);
    let at = |at, said| {
        let signature = sign_with(&owner.key, at, said, |_| {});
        message(statement().as_bytes(), &[signature])
    };
    let keys = [owner.plain()];
    outcome(&at(NOW + DAY, vec![]), &keys).unwrap();
    check_refused(&at(NOW + DAY + 1, vec![]), "has not come");
    let lasts = |seconds| vec![signature_lasts(seconds)];
    outcome(&at(SIGNED, lasts(NOW - SIGNED + 1)), &keys).unwrap();
    outcome(&at(SIGNED, lasts(0)), &keys).unwrap();
    check_refused(&at(SIGNED, lasts(NOW - SIGNED)), "it was good until");
    let timeless = sign_with(&owner.key, SIGNED, vec![], |config| {
        config.hashed_subpackets.remove(0);
    });
    let timeless = message(statement().as_bytes(), &[timeless]);
    check_refused(&timeless, "without its time");
}

#[track_caller]
fn check_weak(message: &[u8], because: &str) {
    let refused = outcome(message, &[Owner::careless().plain()]).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains(because), "{text:?} instead of {because:?}");
}

#[test]
fn what_nobody_should_rely_on_is_refused() {
    let owner = Owner::careless();
    let made = |change: fn(&mut SignatureConfig)| {
        let signature = sign_with(&owner.key, SIGNED, vec![], change);
        message(statement().as_bytes(), &[signature])
    };
    check_weak(&made(weakly), "SHA1");
    check_weak(&made(|config| config.hash_alg = HashAlgorithm::Md5), "MD5");
    check_weak(
        &made(|config| config.hash_alg = HashAlgorithm::Ripemd160),
        "RIPEMD160",
    );
    let critical = made(|config| {
        let notation = SubpacketData::Notation(Notation {
            readable: true,
            name: "only@example.com".into(),
            value: "on sundays".into(),
        });
        config
            .hashed_subpackets
            .push(Subpacket::critical(notation).unwrap());
    });
    check_weak(&critical, "conditions");
    // A certification is no signature of a message, whatever it is put behind.
    let certification = owner.certify(SIGNED, vec![]);
    let certification = message(statement().as_bytes(), &[certification]);
    check_weak(&certification, "something else than a message");
}

#[test]
fn a_text_may_be_signed_as_text() {
    let owner = Owner::new(1);
    let signature = sign_with(&owner.key, SIGNED, vec![], |config| {
        config.typ = SignatureType::Text;
    });
    check_good(&message(statement().as_bytes(), &[signature]), &owner);
}

#[test]
fn each_signature_is_judged_by_itself() {
    let owner = Owner::new(1);
    let signatures = [
        Bytes::from(Owner::new(2).signed()),
        Bytes::from(owner.signed()),
        Bytes::from_static(b"junk"),
    ];
    let wanted = WANTED.parse().unwrap();
    let verdict = judge(&signatures, &wanted, &keyring(&[owner.plain()]), time(NOW));
    assert!(verdict.is_signed());
    assert_eq!(verdict.valid.len(), 1);
    let places: Vec<_> = verdict.refused.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [1, 3]);
    let none = judge(&[], &wanted, &keyring(&[owner.plain()]), time(NOW));
    assert!(!none.is_signed());
}
