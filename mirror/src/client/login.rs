//! Logins at one location of an upstream, and what came of them.
//!
//! A token is asked for when the upstream demands one, for reading one repository, and kept for four
//! fifths of its life; whoever needs the same one meanwhile waits for it. Invariant: credentials go to
//! the upstream's own host, to an encrypted host of the same registered domain, or to a host that the
//! administrator listed, and nowhere else. Elsewhere a token is asked for without them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::Instant;
use tracing::warn;

use super::challenge::Challenge;
use super::scope::Scope;
use super::status;
use crate::credentials::{Credential, Credentials};
use crate::error::Error;
use crate::net::{Answer, Authority, HostPattern, Transport};
use crate::secret::Secret;
use crate::upstream::Location;

/// What a token service's answer may take, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// How long a token is good when nobody says, and at least: as the specification of tokens has it.
const LIFETIME: Duration = Duration::from_mins(1);
/// No token is kept for longer.
const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// How many logins are kept.
const MAX_HELD: usize = 1024;

/// The logins at one location.
pub(super) struct Logins {
    transport: Transport,
    location: Location,
    credentials: Credentials,
    token_hosts: Vec<HostPattern>,
    held: Mutex<HashMap<Scope, Slot>>,
}

/// Held by whoever logs in; the others wait.
type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

#[derive(Clone)]
struct Held {
    authorization: HeaderValue,
    until: Instant,
}

/// What a token service gives: the token under one name or the other, and its life in seconds.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Logins {
    pub(super) fn new(
        transport: Transport,
        location: Location,
        credentials: Credentials,
        token_hosts: Vec<HostPattern>,
    ) -> Self {
        Self {
            transport,
            location,
            credentials,
            token_hosts,
            held: Mutex::default(),
        }
    }

    /// What an earlier login for this scope gave, if it is still good.
    pub(super) async fn held(&self, scope: &Scope) -> Option<HeaderValue> {
        let slot = self.slot(scope);
        let held = slot.lock().await;
        let fresh = held.as_ref().filter(|held| Instant::now() < held.until);
        fresh.map(|held| held.authorization.clone())
    }

    /// Logs in as the challenge wants it. `rejected` is what the upstream did not take; if somebody has
    /// logged in since, theirs is given.
    ///
    /// # Cancel safety
    /// Dropped, the login is given up and the next one begins anew.
    pub(super) async fn log_in(
        &self,
        scope: &Scope,
        challenge: Challenge,
        rejected: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Error> {
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if let Some(other) = &*held
            && Some(&other.authorization) != rejected
            && Instant::now() < other.until
        {
            return Ok(other.authorization.clone());
        }
        *held = None;
        let repository = scope.repository(&self.location);
        let credential = self
            .credentials
            .find(self.location.authority(), &repository);
        let new = match challenge {
            Challenge::Basic => self.basic(credential)?,
            Challenge::Bearer {
                realm,
                service,
                scope: wanted,
            } => {
                let scope = scope.wanted(wanted.as_deref(), &self.location);
                self.bearer(&realm, service.as_deref(), &scope, credential)
                    .await?
            }
        };
        Ok(held.insert(new).authorization.clone())
    }

    fn basic(&self, credential: Option<&Credential>) -> Result<Held, Error> {
        let Some(Credential::Password { user, password }) = credential else {
            return Err(self.refuse("it wants a user and a password, and there are none for it"));
        };
        Ok(Held {
            authorization: basic(user, password),
            until: Instant::now() + MAX_LIFETIME,
        })
    }

    async fn bearer(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        credential: Option<&Credential>,
    ) -> Result<Held, Error> {
        let url: Uri = realm
            .parse()
            .map_err(|_| self.refuse("its token service has no valid URL"))?;
        let host =
            Authority::of(&url).ok_or_else(|| self.refuse("its token service has no valid URL"))?;
        let own = self.location.authority();
        let is_encrypted = url.scheme_str() == Some("https");
        if !is_encrypted && host != *own {
            return Err(self.refuse("its token service is not encrypted"));
        }
        let is_listed = self.token_hosts.iter().any(|listed| listed.lists(&host));
        let is_known = is_companion(own, &host);
        let is_trusted = host == *own || host.is_kin(own) || is_listed || is_known;
        if credential.is_some() && !is_trusted {
            warn!(upstream = %own, token_service = %host,
                "Kept credentials from a token service on a foreign host; token_hosts would allow it");
        }
        let credential = credential.filter(|_| is_trusted);
        let request = request(url.clone(), service, scope, credential)
            .ok_or_else(|| self.refuse("its token service has no valid URL"))?;
        let answer = self.transport.send(request).await;
        let mut answer = answer.map_err(|failure| Error::transfer(&url, failure))?;
        if answer.status() != StatusCode::OK {
            return Err(self.refused(answer, credential.is_some()).await);
        }
        let body = answer.collect(MAX_ANSWER).await;
        let body = body.map_err(|failure| Error::transfer(&url, failure))?;
        held(&body).ok_or_else(|| Error::Malformed {
            url: (&url).into(),
            what: "no token",
        })
    }

    /// Why a token service gave none.
    async fn refused(&self, answer: Answer, with_credentials: bool) -> Error {
        match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if with_credentials => {
                self.refuse("the credentials are refused")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.refuse("it does not serve strangers, and there are no credentials for it")
            }
            _ => status::failure(answer).await,
        }
    }

    fn refuse(&self, reason: &'static str) -> Error {
        Error::Login {
            url: self.location.url().into(),
            reason,
        }
    }

    fn slot(&self, scope: &Scope) -> Slot {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_HELD && !held.contains_key(scope) {
            // Those that somebody waits for stay; the rest can be had again.
            held.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(held.entry(scope.clone()).or_default())
    }
}

/// Token services that are known to belong to a registry of another name.
fn is_companion(own: &Authority, host: &Authority) -> bool {
    const PAIRS: [(&str, &str); 1] = [("registry.redhat.io", "sso.redhat.com")];
    PAIRS.contains(&(own.host(), host.host())) && own.port() == 443 && host.port() == 443
}

/// The request for a token: of a form with an identity token, of a URL otherwise.
fn request(
    realm: Uri,
    service: Option<&str>,
    scope: &str,
    credential: Option<&Credential>,
) -> Option<Request<Full<Bytes>>> {
    let mut fields = Serializer::new(String::new());
    if let Some(service) = service {
        fields.append_pair("service", service);
    }
    fields.append_pair("scope", scope);
    let request = Request::builder().header(ACCEPT, "application/json");
    if let Some(Credential::IdentityToken(token)) = credential {
        fields.append_pair("grant_type", "refresh_token");
        fields.append_pair("client_id", "roadstead");
        fields.append_pair("refresh_token", token.reveal());
        return request
            .method(Method::POST)
            .uri(realm)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(fields.finish().into()))
            .ok();
    }
    let separator = if realm.query().is_some() { '&' } else { '?' };
    let mut request = request.uri(format!("{realm}{separator}{}", fields.finish()));
    if let Some(Credential::Password { user, password }) = credential {
        request = request.header(AUTHORIZATION, basic(user, password));
    }
    request.body(Full::default()).ok()
}

fn basic(user: &str, password: &Secret) -> HeaderValue {
    let login = STANDARD.encode(format!("{user}:{}", password.reveal()));
    sensitive(&format!("Basic {login}")).expect("base64 fits into a header")
}

fn held(body: &[u8]) -> Option<Held> {
    let answer: Given = serde_json::from_slice(body).ok()?;
    let is_there = |token: &String| !token.is_empty();
    let token = answer.token.filter(is_there);
    let token = token.or_else(|| answer.access_token.filter(is_there))?;
    let lifetime = answer.expires_in.map_or(LIFETIME, Duration::from_secs);
    let lifetime = lifetime.clamp(LIFETIME, MAX_LIFETIME) * 4 / 5;
    Some(Held {
        authorization: sensitive(&format!("Bearer {token}"))?,
        until: Instant::now() + lifetime,
    })
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
