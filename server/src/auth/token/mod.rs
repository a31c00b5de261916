//! Access tokens and refresh tokens: JWT, signed with the registry's own key.
//!
//! Owns the claims and the only use of a JWT library. A token is believed if and only if it is ES256
//! by our key: keys and certificates in its own header are not looked at. It decides no rights; it
//! says who was given what and for which state of the account. Both kinds are stateless, and both die
//! with that state. Invariant: neither kind is ever taken for the other.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use roadstead_certs::TokenKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::auth::name::UserName;
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

    /// Whose access token this is, and how far it reaches.
    ///
    /// # Errors
    /// When it is not ours, not an access token, or not good now.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Result<(Holder, Reach), Invalid> {
        let claims: AccessClaims = self.decode(token, SERVICE)?;
        let reach = claims.access.as_slice().into();
        Ok((claims.common.holder(now)?, reach))
    }

    /// Whose refresh token this is.
    ///
    /// # Errors
    /// When it is not ours, not a refresh token, or not good now.
    pub(crate) fn verify_refresh(&self, token: &str, now: SystemTime) -> Result<Holder, Invalid> {
        self.decode::<Common>(token, REFRESH)?.holder(now)
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

    fn holder(self, now: SystemTime) -> Result<Holder, Invalid> {
        if !(self.nbf..self.exp).contains(&seconds(now)) {
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

#[cfg(test)]
mod tests;
