//! The logins that an upstream wants, and a service that gives tokens for them.
//!
//! Tokens are plain numbers with the scopes they were given for, so that a test sees at once whether
//! a client asked for too little or for another repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::json;

use super::asked::{Asked, Subject};
use super::reply::Reply;

/// What login an upstream wants.
#[derive(Clone, Debug, Default)]
pub(super) enum Login {
    /// None.
    #[default]
    None,
    /// A user and a password, as the header has them.
    Basic(String),
    /// A token from the service there, or from its own.
    Bearer(Tokens, Option<String>),
}

/// A service that gives tokens; clones are the same service, so that several upstreams can share it.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Service>);

#[derive(Debug)]
struct Service {
    rules: Rules,
    given: Mutex<Given>,
}

/// Who gets which tokens.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    login: Option<String>,
    identity: Option<String>,
    is_open: bool,
    expires_in: Option<u64>,
    is_access_token: bool,
}

#[derive(Debug, Default)]
struct Given {
    count: usize,
    good: BTreeMap<String, BTreeSet<String>>,
}

impl Tokens {
    /// Tokens for nobody, if nothing more is said.
    pub fn with() -> Rules {
        Rules::default()
    }

    /// How many were given.
    pub fn given(&self) -> usize {
        self.lock().count
    }

    /// Makes all tokens invalid that were given so far.
    pub fn revoke(&self) {
        self.lock().good.clear();
    }

    /// The answer to a request for a token.
    pub(super) fn give(&self, asked: &Asked) -> Reply {
        let Service { rules, .. } = &*self.0;
        let is_known = if asked.method == Method::POST {
            let token = asked.fields("refresh_token").next();
            asked.fields("grant_type").eq(["refresh_token"])
                && token.is_some()
                && token == rules.identity
        } else {
            match asked.header("authorization") {
                None => rules.is_open,
                login => login == rules.login.as_deref(),
            }
        };
        if !is_known {
            return Reply::refusal(401, "UNAUTHORIZED");
        }
        let scopes = asked.fields("scope");
        let scopes =
            scopes.flat_map(|scope| scope.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let mut given = self.lock();
        given.count += 1;
        let token = format!("token-{}", given.count);
        given.good.insert(token.clone(), scopes.collect());
        let name = if rules.is_access_token {
            "access_token"
        } else {
            "token"
        };
        let mut document = json!({ name: token });
        if let Some(seconds) = rules.expires_in {
            document["expires_in"] = seconds.into();
        }
        Reply::json(200, &document)
    }

    fn take(&self, authorization: Option<&str>, scope: Option<&str>) -> bool {
        let given = self.lock();
        let token = authorization.and_then(|text| text.strip_prefix("Bearer "));
        let scopes = token.and_then(|token| given.good.get(token));
        scopes.is_some_and(|scopes| scope.is_none_or(|scope| scopes.contains(scope)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Given> {
        self.0.given.lock().expect("nobody panics with it")
    }
}

impl Rules {
    /// For who has this password, and not for others.
    #[must_use]
    pub fn password(mut self, user: &str, password: &str) -> Self {
        self.login = Some(basic(user, password));
        self
    }

    /// For who has this identity token.
    #[must_use]
    pub fn identity(mut self, token: &str) -> Self {
        self.identity = Some(token.to_owned());
        self
    }

    /// For strangers too, as long as they don't try to log in.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// Says that they are good for so many seconds.
    #[must_use]
    pub fn expires_in(mut self, seconds: u64) -> Self {
        self.expires_in = Some(seconds);
        self
    }

    /// Gives them under the name of the newer specification alone.
    #[must_use]
    pub fn as_access_token(mut self) -> Self {
        self.is_access_token = true;
        self
    }

    /// The service of these rules.
    pub fn build(self) -> Tokens {
        Tokens(Arc::new(Service {
            rules: self,
            given: Mutex::default(),
        }))
    }
}

impl Login {
    /// The answer to who is not logged in as this wants it; `home` is the upstream's own URL.
    pub(super) fn refusal(&self, asked: &Asked, home: &str) -> Option<Reply> {
        let authorization = asked.header("authorization");
        let scope = scope(asked);
        let (is_good, challenge) = match self {
            Self::None => return None,
            Self::Basic(login) => (
                authorization == Some(login),
                "Basic realm=\"a test\"".to_owned(),
            ),
            Self::Bearer(tokens, realm) => {
                let own = format!("{home}/token");
                let realm = realm.as_deref().unwrap_or(&own);
                let service = "service=\"a test\"";
                let challenge = match &scope {
                    None => format!("Bearer realm=\"{realm}\",{service}"),
                    Some(scope) => format!("Bearer realm=\"{realm}\",{service},scope=\"{scope}\""),
                };
                (tokens.take(authorization, scope.as_deref()), challenge)
            }
        };
        let refused = Reply::refusal(401, "UNAUTHORIZED").header("www-authenticate", challenge);
        (!is_good).then_some(refused)
    }
}

/// What a token must be good for.
fn scope(asked: &Asked) -> Option<String> {
    match asked.subject() {
        Subject::Blob(name, _)
        | Subject::Manifest(name, _)
        | Subject::Referrers(name, _)
        | Subject::Tags(name) => Some(format!("repository:{name}:pull")),
        Subject::Catalog => Some("registry:catalog:*".to_owned()),
        Subject::Other | Subject::Ping | Subject::Token => None,
    }
}

/// The header of a login.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
