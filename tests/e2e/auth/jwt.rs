//! Tokens from outside: taken apart, and signed with keys that a test holds.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use harness::Registry;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// What a token says, believed without a signature.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// How a token says it is signed.
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).expect("three parts");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A key that signs tokens as ES256.
pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    /// The registry's own key, off its disk.
    pub(crate) fn of(registry: &Registry) -> Self {
        let path = registry.data().join("certs/token.key");
        let key = PrivatePkcs8KeyDer::from_pem_file(path).expect("the registry's token key");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der());
        Self(pair.expect("a P-256 key"))
    }

    /// A key the registry has never seen.
    pub(crate) fn stranger() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self(pair.expect("a new key"))
    }

    /// A token of this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let body = body(header, claims);
        let signature = self
            .0
            .sign(&SystemRandom::new(), body.as_bytes())
            .expect("sign");
        format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public half as an uncompressed point.
    pub(crate) fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The public half as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.public()[1..].split_at(32);
        let coordinate = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "x": coordinate(x), "y": coordinate(y) })
    }
}

/// A token "signed" as HS256 with these bytes for a secret.
pub(crate) fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let body = body(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body.as_bytes());
    format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
}

/// A token with no signature at all.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", body(header, claims))
}

fn body(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}
