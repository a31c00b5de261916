//! The key pair that signs login tokens.

use std::fs;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use roadstead_certs::{Error, TokenKey};

use crate::bench::{Home, put};

#[test]
fn what_one_half_signs_the_other_verifies_after_a_restart() {
    let home = Home::new();
    let first = TokenKey::open_or_create(&home.certs()).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, first.signing_key_pkcs8());
    let signature = pair.unwrap().sign(&SystemRandom::new(), b"token").unwrap();

    let second = TokenKey::open_or_create(&home.certs()).unwrap();
    assert_eq!(second.id(), first.id());
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, second.public_point());
    public.verify(b"token", signature.as_ref()).unwrap();
    public.verify(b"other", signature.as_ref()).unwrap_err();
}

#[test]
fn each_key_has_its_own_thumbprint() {
    let id = |home: &Home| {
        TokenKey::open_or_create(&home.certs())
            .unwrap()
            .id()
            .to_owned()
    };
    let (one, other) = (id(&Home::new()), id(&Home::new()));
    assert_ne!(one, other);
    assert_eq!(one.len(), 43, "32 bytes in base64url without padding");
}

#[test]
fn a_damaged_key_is_refused_and_never_replaced() {
    let home = Home::new();
    TokenKey::open_or_create(&home.certs()).unwrap();
    let file = home.certs().join("token.key");
    for damaged in [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        put(&file, damaged, 0o600);
        let error = TokenKey::open_or_create(&home.certs()).err();
        assert!(matches!(error, Some(Error::File { .. })), "{error:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
    }
}
