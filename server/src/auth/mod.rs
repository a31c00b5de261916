//! Login: from a request's credentials to a caller, from a caller to a grant, and tokens between.
//!
//! Owns the composition of the user file, passwords, tokens and the policy; each has a file of its
//! own. Knows no HTTP answers: what is refused is said by type. Invariant: credentials that are sent
//! and wrong are refused, however much is open to strangers.

mod basic;
pub(crate) mod config;
mod credentials;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub(crate) mod grant;
pub(crate) mod name;
pub(crate) mod password;
pub(crate) mod pattern;
mod remembered;
pub(crate) mod role;
mod scope;
pub(crate) mod table;
mod token;
pub(crate) mod users;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use roadstead_certs::{Clock, TokenKey};
use roadstead_storage::oci::RepoName;
use serde::Serialize;
use thiserror::Error;

use crate::auth::basic::{Basic, NoRandomness, Refused};
use crate::auth::config::Config;
use crate::auth::credentials::{Credentials, Malformed};
use crate::auth::grant::{Caller, Denied, Grant, Identity, Listing, Policy, Right};
use crate::auth::scope::Reach;
use crate::auth::table::Known;
use crate::auth::token::{Holder, SERVICE, Tokens, Verified};
use crate::auth::users::Users;

/// Everything about who may do what. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Authenticator(Arc<Inner>);

struct Inner {
    users: Arc<Users>,
    basic: Basic,
    tokens: Tokens,
    rules: RwLock<Rules>,
    clock: Clock,
}

/// What the configuration says, exchanged as one.
#[derive(Clone)]
struct Rules {
    policy: Arc<Policy>,
    token_life: Duration,
}

impl Rules {
    fn new(config: &Config) -> Self {
        Self {
            policy: Arc::new(Policy::new(config)),
            token_life: config.token_lifetime.duration(),
        }
    }
}

impl Authenticator {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system has none.
    pub(crate) fn new(
        config: &Config,
        users: Arc<Users>,
        key: &TokenKey,
        clock: Clock,
    ) -> Result<Self, NoRandomness> {
        Ok(Self(Arc::new(Inner {
            basic: Basic::new(Arc::clone(&users))?,
            users,
            tokens: Tokens::new(key),
            rules: RwLock::new(Rules::new(config)),
            clock,
        })))
    }

    /// What the challenge calls this registry.
    #[expect(
        clippy::unused_self,
        reason = "who asks should not care that it is a constant"
    )]
    pub(crate) fn service(&self) -> &'static str {
        SERVICE
    }

    /// Lets these rules count from the next request on.
    pub(crate) fn reload(&self, config: &Config) {
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Rules::new(config);
    }

    /// Who makes a request. A request without credentials is made by nobody in particular.
    ///
    /// # Errors
    /// When credentials were sent and are not good.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, AuthError> {
        match Credentials::from_headers(headers)? {
            Credentials::Anonymous => Ok(Caller::direct(Identity::Anonymous)),
            Credentials::Bearer(token) => {
                let verified = self.0.tokens.verify(token, self.now());
                let verified = verified.map_err(|_| AuthError::Token)?;
                self.bearer(&verified).ok_or(AuthError::Token)
            }
            Credentials::Password { name, password } => {
                let known = self.0.basic.verify(&name, password).await?;
                Ok(Caller::direct(identity(&known)))
            }
        }
    }

    /// Who makes a request, where that is known without waiting and without a doubt: the credentials were
    /// good a moment ago and are still, or there are none. Else [`Authenticator::authenticate`] has to be
    /// asked.
    pub(crate) fn recognise(&self, headers: &HeaderMap) -> Option<Caller> {
        match Credentials::from_headers(headers).ok()? {
            Credentials::Anonymous => Some(Caller::direct(Identity::Anonymous)),
            Credentials::Bearer(token) => {
                let verified = self.0.tokens.remembered(token, self.now())?;
                self.bearer(&*verified.ok()?)
            }
            Credentials::Password { name, password } => {
                let known = self.0.basic.recognise(&name, &password)?;
                Some(Caller::direct(identity(&known)))
            }
        }
    }

    /// Asks for the right `R` on a repository.
    ///
    /// # Errors
    /// Says what could help the caller to it.
    pub(crate) fn grant<R: Right>(
        &self,
        caller: &Caller,
        repo: &RepoName,
    ) -> Result<Grant<R>, Denied> {
        self.rules().policy.grant(caller, repo)
    }

    /// Asks for the catalog.
    ///
    /// # Errors
    /// Says what could help the caller to it.
    pub(crate) fn listing(&self, caller: &Caller) -> Result<Listing, Denied> {
        self.rules().policy.listing(caller)
    }

    /// Whether the ping of the API welcomes the caller.
    ///
    /// # Errors
    /// [`Denied::Login`] when the caller must come back with a token or a password.
    pub(crate) fn ping(&self, caller: &Caller) -> Result<(), Denied> {
        self.rules().policy.ping(caller)
    }

    /// Answers a request for a token with as much of what was asked for as its identity may have
    /// (Docker token authentication, GET and POST). Somebody who brings no credentials gets a token too, good for
    /// nothing where nothing is open: docker takes a refusal here for a passing fault, and tries again
    /// for a minute.
    ///
    /// # Errors
    /// When credentials were sent and are not good.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub(crate) async fn issue(
        &self,
        headers: &HeaderMap,
        request: TokenRequest,
    ) -> Result<TokenAnswer, AuthError> {
        let Rules { policy, token_life } = self.rules();
        let now = self.now();
        let (credentials, refresh) = match &request.proof {
            Proof::Header => (Credentials::from_headers(headers)?, None),
            Proof::Password { username, password } => {
                (Credentials::password(username, password), None)
            }
            Proof::Refresh { token } => (Credentials::Bearer(token), Some(token.clone())),
        };
        let holder: Holder = match credentials {
            Credentials::Anonymous => None,
            Credentials::Password { name, password } => {
                let known = self.0.basic.verify(&name, password).await?;
                Some((known.account.name.clone(), known.generation.clone()))
            }
            // An access token must not beget another: it would never end.
            Credentials::Bearer(token) => {
                let verified = self.0.tokens.verify_refresh(token, now);
                verified.map_err(|_| AuthError::Credentials)?
            }
        };
        let identity = self.identity(&holder).ok_or(AuthError::Credentials)?;
        let asked = Reach::parse(request.scopes.iter().map(String::as_str));
        let reach = policy.narrow(&identity, asked);
        let token = self.0.tokens.access(&holder, &reach, now, token_life);
        let token = token.map_err(|source| AuthError::Internal {
            source: source.into(),
        })?;
        let refresh_token = match refresh {
            Some(token) => Some(token),
            None if request.offline && holder.is_some() => {
                let signed = self.0.tokens.refresh(&holder, now);
                Some(signed.map_err(|source| AuthError::Internal {
                    source: source.into(),
                })?)
            }
            None => None,
        };
        Ok(TokenAnswer {
            access_token: token.clone(),
            token,
            scope: reach.to_string(),
            expires_in: token_life.as_secs().max(1),
            issued_at: humantime::format_rfc3339_seconds(now).to_string(),
            refresh_token,
        })
    }

    /// Who comes with a token, if the account is still in the state that it was given to.
    fn bearer(&self, verified: &Verified) -> Option<Caller> {
        let identity = self.identity(&verified.holder)?;
        Some(Caller::with_token(identity, Arc::clone(&verified.reach)))
    }

    /// The identity behind a token: as the account is now, if it is still in the state that the
    /// token was given to.
    fn identity(&self, holder: &Holder) -> Option<Identity> {
        let Some((name, generation)) = holder else {
            return Some(Identity::Anonymous);
        };
        let known = self.0.users.find(name)?;
        (known.generation == *generation).then(|| identity(&known))
    }

    fn rules(&self) -> Rules {
        self.0
            .rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn now(&self) -> SystemTime {
        (self.0.clock)()
    }
}

fn identity(known: &Known) -> Identity {
    let account = &known.account;
    Identity::User {
        name: account.name.clone(),
        role: account.role,
    }
}

/// What a client asks the token service for.
pub(crate) struct TokenRequest {
    /// How it proves who it is.
    pub(crate) proof: Proof,
    /// The values of all `scope` parameters, as sent.
    pub(crate) scopes: Vec<String>,
    /// Whether it wants a refresh token.
    pub(crate) offline: bool,
}

/// How a request for a token proves who it comes from.
pub(crate) enum Proof {
    /// By its `Authorization` header, or not at all.
    Header,
    /// By a name and a password in a form.
    Password {
        /// As sent.
        username: String,
        /// As sent.
        password: String,
    },
    /// By a refresh token in a form.
    Refresh {
        /// As sent.
        token: String,
    },
}

/// The token service's answer, in the fields of both its forms.
#[derive(Serialize)]
pub(crate) struct TokenAnswer {
    token: String,
    access_token: String,
    scope: String,
    expires_in: u64,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Why somebody was not believed.
#[derive(Debug, Error)]
pub(crate) enum AuthError {
    /// Too many logins wait to be checked.
    #[error("too many logins at once")]
    Busy,
    /// A name and a password, or a refresh token, that are not good.
    #[error("the credentials are not good")]
    Credentials,
    /// It is our fault.
    #[error("check the credentials")]
    Internal {
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An access token that is not good: expired, forged, or of an account that changed since.
    #[error("the token is not good")]
    Token,
}

impl From<Malformed> for AuthError {
    fn from(Malformed: Malformed) -> Self {
        Self::Credentials
    }
}

impl From<Refused> for AuthError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Busy => Self::Busy,
            Refused::Wrong => Self::Credentials,
        }
    }
}

#[cfg(test)]
mod tests;
