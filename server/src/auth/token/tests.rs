//! Which tokens are believed. The forgeries are security-cases.md, case 13.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::auth::table::Table;

const LIFE: Duration = Duration::from_secs(300);

struct Fixture {
    key: TokenKey,
    tokens: Tokens,
    holder: Holder,
    reach: Reach,
    now: SystemTime,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let key = TokenKey::open_or_create(&dir.path().join("certs")).unwrap();
    let line = "ann:$2b$10$NwDOmIJ/O.KusAkmIxBQaeoQ7myYBQ8Ag0sdy0B.LQYPP38Sq.Tmi";
    let table = Table::parse(line).unwrap();
    let ann = table.accounts().next().unwrap();
    Fixture {
        tokens: Tokens::new(&key),
        key,
        holder: Some((ann.name.clone(), ann.generation())),
        reach: Reach::parse(["repository:a/b:pull,push registry:catalog:*"]),
        now: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

impl Fixture {
    fn token(&self) -> String {
        self.tokens
            .access(&self.holder, &self.reach, self.now, LIFE)
            .unwrap()
    }

    /// A token with our key's signature over a header and claims that were tampered with before.
    fn signed(&self, header: &Header, change: impl FnOnce(&mut Value)) -> String {
        let payload = self.token().split('.').nth(1).unwrap().to_owned();
        let mut claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        change(&mut claims);
        let key = EncodingKey::from_ec_der(self.key.signing_key_pkcs8());
        jsonwebtoken::encode(header, &claims, &key).unwrap()
    }

    #[track_caller]
    fn refused(&self, token: &str) {
        assert_eq!(self.tokens.verify(token, self.now).unwrap_err(), Invalid);
    }
}

#[test]
fn a_token_says_who_it_was_given_to_and_what_for() {
    let f = fixture();
    assert_eq!(
        f.tokens.verify(&f.token(), f.now),
        Ok((f.holder.clone(), f.reach.clone()))
    );
    let nobody = f
        .tokens
        .access(&None, &Reach::default(), f.now, LIFE)
        .unwrap();
    assert_eq!(
        f.tokens.verify(&nobody, f.now),
        Ok((None, Reach::default()))
    );
}

#[test]
fn the_claims_are_those_of_the_token_protocol() {
    let f = fixture();
    let mut claims = Value::Null;
    f.signed(&Header::new(Algorithm::ES256), |value| {
        claims = value.clone()
    });
    assert_eq!(claims["iss"], "roadstead");
    assert_eq!(claims["aud"], "roadstead");
    assert_eq!(claims["sub"], "ann");
    assert_eq!(claims["exp"], 1_800_000_300);
    assert_eq!(claims["iat"], claims["nbf"]);
    assert_eq!(
        claims["access"],
        json!([
            {"type": "repository", "name": "a/b", "actions": ["pull", "push"]},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
        ])
    );
}

#[test]
fn a_token_is_good_from_its_making_to_its_end() {
    let f = fixture();
    let token = f.token();
    let second = Duration::from_secs(1);
    assert!(f.tokens.verify(&token, f.now + LIFE - second).is_ok());
    assert!(f.tokens.verify(&token, f.now + LIFE).is_err());
    assert!(f.tokens.verify(&token, f.now - second).is_err());
}

#[test]
fn neither_kind_of_token_is_taken_for_the_other() {
    let f = fixture();
    let refresh = f.tokens.refresh(&f.holder, f.now).unwrap();
    assert_eq!(
        f.tokens.verify_refresh(&refresh, f.now),
        Ok(f.holder.clone())
    );
    f.refused(&refresh);
    assert!(f.tokens.verify_refresh(&f.token(), f.now).is_err());
}

#[test]
fn another_registry_s_token_is_refused() {
    let (ours, other) = (fixture(), fixture());
    ours.refused(&other.token());
}

#[test]
fn claims_that_are_not_ours_are_refused_in_spite_of_the_signature() {
    let f = fixture();
    let header = Header::new(Algorithm::ES256);
    for claim in ["iss", "sub", "aud", "exp", "nbf", "access"] {
        f.refused(&f.signed(&header, |claims| {
            claims.as_object_mut().unwrap().remove(claim);
        }));
    }
    f.refused(&f.signed(&header, |claims| claims["aud"] = json!("other")));
    f.refused(&f.signed(&header, |claims| claims["iss"] = json!("other")));
    f.refused(&f.signed(&header, |claims| claims["exp"] = json!("1900000000")));
    f.refused(&f.signed(&header, |claims| claims["sub"] = json!("")));
    f.refused(&f.signed(&header, |claims| claims["gen"] = Value::Null));
}

#[test]
fn a_forged_algorithm_or_key_is_refused() {
    let f = fixture();
    let token = f.token();
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |header: Value| URL_SAFE_NO_PAD.encode(header.to_string());

    let none = encode(json!({"typ": "JWT", "alg": "none"}));
    f.refused(&format!("{none}.{}.", parts[1]));
    f.refused(&format!("{none}.{}.{}", parts[1], parts[2]));

    // HMAC keyed with the public key, which anybody may know.
    let hmac = EncodingKey::from_secret(f.key.public_point());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    f.refused(&jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &hmac).unwrap());

    // The forger's own key, handed over in the header.
    let forger = fixture();
    let point = forger.key.public_point();
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
    });
    let mut header = Header::new(Algorithm::ES256);
    header.jwk = Some(serde_json::from_value(jwk).unwrap());
    header.jku = Some("https://forger.example.com/keys".to_owned());
    header.x5c = Some(vec!["AAAA".to_owned()]);
    header.kid = Some(f.key.id().to_owned());
    f.refused(&forger.signed(&header, |_| ()));
}

#[test]
fn what_is_no_token_is_refused() {
    let f = fixture();
    let token = f.token();
    let cut = &token[..token.len() - 2];
    for text in ["", ".", "..", "a.b.c", cut, &"x".repeat(MAX_TOKEN + 1)] {
        f.refused(text);
    }
    let (rest, signature) = token.rsplit_once('.').unwrap();
    f.refused(&format!(
        "{rest}.{}",
        signature.chars().rev().collect::<String>()
    ));
}
