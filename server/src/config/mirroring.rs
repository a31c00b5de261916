//! The sections about where content comes from: `[release]` and `[[upstream]]`.
//!
//! Owns their grammar, so that one file serves this version and the ones that will act on it. This
//! version checks them and says at its start that it does not act on them yet.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::auth::pattern::RepoPattern;
use crate::config::invalid::{Invalid, parse, parse_all};
use crate::config::unit::Span;
use crate::config::web::WebUrl;

/// The `[release]` section: how release payloads are verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Release {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signature_stores: Vec<WebUrl>,
}

impl Release {
    /// Whether nothing is said about releases.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One `[[upstream]]`: a registry that content comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Upstream {
    name: String,
    hosts: Vec<String>,
    prefix: String,
    urls: Vec<WebUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<WebUrl>,
    token_hosts: Vec<String>,
    redirect_hosts: Vec<String>,
    pull_through: bool,
    anonymous_fill: bool,
    writable: bool,
    repositories: Vec<RepoPattern>,
    tag_max_age: Span,
    max_connections: u16,
}

/// The `[release]` section, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawRelease {
    keys: Vec<PathBuf>,
    signature_stores: Vec<String>,
}

/// One `[[upstream]]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUpstream {
    name: String,
    #[serde(default)]
    hosts: Vec<String>,
    prefix: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    auth_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
    #[serde(default)]
    token_hosts: Vec<String>,
    #[serde(default)]
    redirect_hosts: Vec<String>,
    #[serde(default)]
    pull_through: bool,
    #[serde(default)]
    anonymous_fill: bool,
    #[serde(default)]
    writable: bool,
    repositories: Option<Vec<String>>,
    tag_max_age: Option<String>,
    max_connections: Option<u16>,
}

impl TryFrom<RawRelease> for Release {
    type Error = Invalid;

    fn try_from(raw: RawRelease) -> Result<Self, Self::Error> {
        let signature_stores = parse_all("release.signature_stores", &raw.signature_stores)?;
        Ok(Self {
            keys: raw.keys,
            signature_stores,
        })
    }
}

impl RawUpstream {
    /// Checks the upstream at `place` in the file.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub(crate) fn check(self, place: usize) -> Result<Upstream, Invalid> {
        let key = |name| format!("upstream[{place}].{name}");
        if self.name.is_empty() || self.name.contains('/') {
            return Err(Invalid::new(key("name"), "not the name of a registry"));
        }
        if self.max_connections == Some(0) {
            return Err(Invalid::new(key("max_connections"), "not above zero"));
        }
        let urls = if self.urls.is_empty() {
            vec![parse(key("urls"), &format!("https://{}", self.name))?]
        } else {
            parse_all(&key("urls"), &self.urls)?
        };
        let repositories = self.repositories.unwrap_or_else(|| vec!["**".to_owned()]);
        Ok(Upstream {
            prefix: self.prefix.unwrap_or_else(|| self.name.replace(':', "-")),
            name: self.name,
            hosts: self.hosts,
            urls,
            auth_file: self.auth_file,
            ca_file: self.ca_file,
            proxy: self
                .proxy
                .map(|text| parse(key("proxy"), &text))
                .transpose()?,
            token_hosts: self.token_hosts,
            redirect_hosts: self.redirect_hosts,
            pull_through: self.pull_through,
            anonymous_fill: self.anonymous_fill,
            writable: self.writable,
            repositories: parse_all(&key("repositories"), &repositories)?,
            tag_max_age: match self.tag_max_age {
                Some(text) => parse(key("tag_max_age"), &text)?,
                None => Span::seconds(300),
            },
            max_connections: self.max_connections.unwrap_or(16),
        })
    }
}
