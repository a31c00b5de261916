//! Tokens for docker-registry, which makes none: ES256, with the name that it gives the key. The whole
//! certificate in each token would cost it more.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

/// Long before and long after any benchmark, in seconds since 1970.
const BEGIN: u64 = 1_000_000_000;
const END: u64 = 4_000_000_000;

/// Who signs tokens.
pub(super) struct Issuer {
    key: EcdsaKeyPair,
    certificate: String,
    name: String,
}

impl Issuer {
    /// One with a new key.
    pub(super) fn new() -> Self {
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["bench".to_owned()]).expect("a name");
        let certificate = params.self_signed(&pair).expect("a certificate");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.serialized_der());
        Self {
            key: key.expect("a key on P-256"),
            certificate: certificate.pem(),
            name: name_of(&pair.subject_public_key_info()),
        }
    }

    /// Its certificate, in PEM, for who shall believe it.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A token to pull from and push to a repository.
    pub(super) fn token(&self, repository: &str) -> String {
        let head = part(&json!({"typ": "JWT", "alg": "ES256", "kid": self.name}));
        let actions = ["pull", "push"];
        let access = [json!({"type": "repository", "name": repository, "actions": actions})];
        let claims = part(&json!({
            "iss": "bench", "aud": "bench", "sub": "bench", "jti": "1",
            "nbf": BEGIN, "iat": BEGIN, "exp": END, "access": access,
        }));
        let signed = format!("{head}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.expect("a signature"));
        format!("{signed}.{signature}")
    }
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// How docker-registry calls a key: 240 bits of its digest in base 32, four letters at a time.
fn name_of(key: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(&SHA256, key);
    let hash = hash.as_ref();
    let letter = |bit: usize| {
        let pair = u16::from_be_bytes([hash[bit / 8], hash[bit / 8 + 1]]);
        char::from(LETTERS[usize::from(pair << (bit % 8) >> 11)])
    };
    let groups = (0..240).step_by(20);
    let groups = groups.map(|first| (first..first + 20).step_by(5).map(letter).collect());
    groups.collect::<Vec<String>>().join(":")
}
