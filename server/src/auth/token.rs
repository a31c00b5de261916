//! Access tokens and refresh tokens: JWT, signed with the registry's own key.
//!
//! Owns the claims and the only use of a JWT library. A token is believed if and only if it is ES256
//! by our key: keys and certificates in its own header are not looked at. It decides no rights; it
//! says who was given what and for which state of the account. Both kinds are stateless, and both die
//! with that state. Invariant: neither kind is ever taken for the other.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use roadstead_certs::TokenKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::auth::name::UserName;
use crate::auth::remembered::Remembered;
use crate::auth::scope::{Access, Reach};
use crate::auth::table::Generation;

/// What tokens are for, and what the challenge calls this registry. One word for every name under
/// which the registry is reached, so that a token outlives a change of names.
pub(crate) const SERVICE: &str = "roadstead";

/// What refresh tokens are for: nothing that takes an access token.
const REFRESH: &str = "roadstead/token";

/// How long a refresh token is good; docker stores it in place of the password.
const REFRESH_LIFE: Duration = Duration::from_hours(180 * 24);

/// No token of ours is as long; more is not worth a look.
const MAX_TOKEN: usize = 64 * 1024;

/// Signs and verifies tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    header: Header,
    remembered: Remembered<Verified>,
}

/// What an access token of ours says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Whose it is.
    pub(crate) holder: Holder,
    /// How far it reaches.
    pub(crate) reach: Arc<Reach>,
    /// When it is good, in seconds since 1970.
    good: Range<u64>,
}

/// The holder of a token: an account in the state that the token was given to, or nobody.
pub(crate) type Holder = Option<(UserName, Generation)>;

impl Tokens {
    /// Signs with this key, and believes it alone.
    pub(crate) fn new(key: &TokenKey) -> Self {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id().to_owned());
        Self {
            signing: EncodingKey::from_ec_der(key.signing_key_pkcs8()),
            verifying: DecodingKey::from_ec_der(key.public_point()),
            header,
            remembered: Remembered::new(),
        }
    }

    /// An access token.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub(crate) fn access(
        &self,
        holder: &Holder,
        reach: &Reach,
        now: SystemTime,
        life: Duration,
    ) -> Result<String, Sign> {
        self.sign(&AccessClaims {
            common: Common::new(SERVICE, holder, now, life),
            access: reach.into(),
        })
    }

    /// A refresh token.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub(crate) fn refresh(&self, holder: &Holder, now: SystemTime) -> Result<String, Sign> {
        self.sign(&Common::new(REFRESH, holder, now, REFRESH_LIFE))
    }

    /// What this access token says. Its signature is checked the first time.
    ///
    /// # Errors
    /// When it is not ours, not an access token, or not good now.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Verified>, Invalid> {
        if let Some(known) = self.remembered(token, now) {
            return known;
        }
        let AccessClaims { common, access } = self.decode(token, SERVICE)?;
        let good = common.good();
        let verified = Arc::new(Verified {
            reach: Arc::new(access.as_slice().into()),
            holder: common.holder(now)?,
            good,
        });
        let (end, now) = (verified.good.end, seconds(now));
        self.remembered
            .remember(token, Arc::clone(&verified), end, now);
        Ok(verified)
    }

    /// As [`Tokens::verify`], of a token that was verified before; else `None`.
    pub(crate) fn remembered(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Option<Result<Arc<Verified>, Invalid>> {
        let verified = self.remembered.find(token)?;
        let is_good = verified.good.contains(&seconds(now));
        Some(if is_good { Ok(verified) } else { Err(Invalid) })
    }

    /// Whose refresh token this is.
    ///
    /// # Errors
    /// When it is not ours, not a refresh token, or not good now.
    pub(crate) fn verify_refresh(&self, token: &str, now: SystemTime) -> Result<Holder, Invalid> {
        self.decode::<Common>(token, REFRESH)?.holder(now)
    }

    /// Our signature under claims that somebody made up.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn signed(&self, claims: &impl Serialize) -> Result<String, Sign> {
        self.sign(claims)
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, Sign> {
        jsonwebtoken::encode(&self.header, claims, &self.signing).map_err(|source| Sign { source })
    }

    fn decode<T: DeserializeOwned>(&self, token: &str, audience: &str) -> Result<T, Invalid> {
        if token.len() > MAX_TOKEN {
            return Err(Invalid);
        }
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[SERVICE]);
        validation.set_required_spec_claims(&["aud", "exp", "iss", "nbf", "sub"]);
        // The times are compared by `Common::holder`, with the clock that is passed in.
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode(token, &self.verifying, &validation);
        decoded.map(|token| token.claims).map_err(|_| Invalid)
    }
}

/// What both kinds say.
#[derive(Debug, Serialize, Deserialize)]
struct Common {
    iss: String,
    /// The user's name; empty for a token that was given to nobody.
    sub: String,
    aud: String,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
    /// The state of the account, for a token that was given to a user.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none", default)]
    generation: Option<Generation>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AccessClaims {
    #[serde(flatten)]
    common: Common,
    access: Vec<Access>,
}

impl Common {
    fn new(audience: &str, holder: &Holder, now: SystemTime, life: Duration) -> Self {
        let issued = seconds(now);
        Self {
            iss: SERVICE.to_owned(),
            sub: holder
                .as_ref()
                .map(|(name, _)| name.to_string())
                .unwrap_or_default(),
            aud: audience.to_owned(),
            exp: issued.saturating_add(life.as_secs().max(1)),
            nbf: issued,
            iat: issued,
            jti: Uuid::new_v4().to_string(),
            generation: holder.as_ref().map(|(_, generation)| generation.clone()),
        }
    }

    fn good(&self) -> Range<u64> {
        self.nbf..self.exp
    }

    fn holder(self, now: SystemTime) -> Result<Holder, Invalid> {
        if !self.good().contains(&seconds(now)) {
            return Err(Invalid);
        }
        match self.generation {
            Some(generation) => {
                let name = self.sub.parse().map_err(|_| Invalid)?;
                Ok(Some((name, generation)))
            }
            None if self.sub.is_empty() => Ok(None),
            None => Err(Invalid),
        }
    }
}

/// Seconds since 1970; a clock before that counts as 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// A token that is not good here and now. Which of the reasons it is helps only who forged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invalid;

/// A token could not be signed.
#[derive(Debug, Error)]
#[error("sign a token")]
pub(crate) struct Sign {
    source: jsonwebtoken::errors::Error,
}

/// The forgeries are those that token verifiers have fallen for.
#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::table::Table;

    const LIFE: Duration = Duration::from_mins(5);

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
            now: UNIX_EPOCH + Duration::from_hours(500_000),
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
        let token = f.token();
        for _ in 0..2 {
            let verified = f.tokens.verify(&token, f.now).unwrap();
            assert_eq!(verified.holder, f.holder);
            assert_eq!(*verified.reach, f.reach);
        }
        let nobody = f
            .tokens
            .access(&None, &Reach::default(), f.now, LIFE)
            .unwrap();
        let verified = f.tokens.verify(&nobody, f.now).unwrap();
        assert_eq!(
            (&verified.holder, &*verified.reach),
            (&None, &Reach::default())
        );
    }

    #[test]
    fn the_claims_are_those_of_the_token_protocol() {
        let f = fixture();
        let mut claims = Value::Null;
        f.signed(&Header::new(Algorithm::ES256), |value| {
            claims = value.clone();
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
    fn a_remembered_token_is_good_as_long_as_it_would_be_and_in_every_byte() {
        let f = fixture();
        let (token, second) = (f.token(), Duration::from_secs(1));
        assert_eq!(f.tokens.remembered(&token, f.now), None);
        f.tokens.verify(&token, f.now).unwrap();
        assert!(matches!(f.tokens.remembered(&token, f.now), Some(Ok(_))));
        for not_now in [f.now + LIFE, f.now - second] {
            assert_eq!(f.tokens.remembered(&token, not_now), Some(Err(Invalid)));
            assert_eq!(f.tokens.verify(&token, not_now), Err(Invalid));
        }
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            f.refused(&String::from_utf8(other).unwrap());
        }
    }

    #[test]
    fn what_was_refused_is_not_remembered() {
        let f = fixture();
        let other = fixture().token();
        let refresh = f.tokens.refresh(&f.holder, f.now).unwrap();
        let late = f
            .tokens
            .access(&f.holder, &f.reach, f.now - LIFE, LIFE)
            .unwrap();
        for token in [other, refresh, late] {
            f.refused(&token);
            assert_eq!(f.tokens.remembered(&token, f.now), None);
        }
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
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
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
}
