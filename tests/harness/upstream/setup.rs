//! How an upstream is to be, said word by word.

use super::Upstream;
use super::answer::{Manner, Referrers};
use super::login::{Login, Tokens, basic};
use super::tls::Identity;

/// How an upstream is to be.
#[derive(Clone, Debug)]
pub struct UpstreamSetup {
    pub(super) login: Login,
    pub(super) identity: Option<Identity>,
    pub(super) manner: Manner,
    pub(super) headers: Vec<(String, String)>,
}

impl UpstreamSetup {
    /// Starts it on a port of its own.
    #[track_caller]
    pub fn start(self) -> Upstream {
        Upstream::of(self)
    }

    /// Lets it speak TLS.
    #[must_use]
    pub fn tls(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Lets it want this user and password with each request.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.login = Login::Basic(basic(user, password));
        self
    }

    /// Lets it want tokens, and give them at `/token`.
    #[must_use]
    pub fn bearer(mut self, tokens: &Tokens) -> Self {
        self.login = Login::Bearer(tokens.clone(), None);
        self
    }

    /// Lets it want tokens, and say that they are given at this URL.
    #[must_use]
    pub fn bearer_of(mut self, tokens: &Tokens, realm: impl Into<String>) -> Self {
        self.login = Login::Bearer(tokens.clone(), Some(realm.into()));
        self
    }

    /// Says how it tells what refers to a manifest.
    #[must_use]
    pub fn referrers(mut self, referrers: Referrers) -> Self {
        self.manner.referrers = referrers;
        self
    }

    /// Lets it list at most so many entries at once.
    #[must_use]
    pub fn page(mut self, most: usize) -> Self {
        self.manner.page = most;
        self
    }

    /// Adds a header to each answer, as rate limits are told by.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Default for UpstreamSetup {
    fn default() -> Self {
        Self {
            login: Login::None,
            identity: None,
            manner: Manner {
                referrers: Referrers::Api,
                page: 1000,
            },
            headers: Vec::new(),
        }
    }
}
