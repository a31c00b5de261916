//! The sections about where content comes from: `[release]` and `[[upstream]]`.
//!
//! Owns their grammar. Files are named here and read elsewhere.

use std::fmt::Display;
use std::path::PathBuf;

use roadstead_mirror::openshift::signature::StoreUrl;
use roadstead_mirror::{HostPattern, Location, default_prefix};
use serde::{Deserialize, Serialize, Serializer};

use crate::auth::pattern::RepoPattern;
use crate::config::invalid::{Invalid, parse, parse_all};
use crate::config::unit::Span;
use crate::config::web::WebUrl;

/// The `[release]` section: how release payloads are verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Release {
    /// Files of keys, in place of the one that is carried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<PathBuf>,
    /// Where signatures are found, in place of where Red Hat publishes them.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_texts")]
    pub(crate) signature_stores: Vec<StoreUrl>,
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
    /// What image references call it.
    pub(crate) name: String,
    /// What else it is called.
    pub(crate) hosts: Vec<String>,
    /// Where its content lies here; may be empty.
    pub(crate) prefix: String,
    #[serde(rename = "urls", serialize_with = "as_texts")]
    /// Where it is reached, in this order.
    pub(crate) locations: Vec<Location>,
    /// Credentials for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_file: Option<PathBuf>,
    /// Whom to trust besides the system's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Through which proxy, in place of the environment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proxy: Option<WebUrl>,
    /// Further hosts its credentials may go to.
    #[serde(serialize_with = "as_texts")]
    pub(crate) token_hosts: Vec<HostPattern>,
    /// Private addresses it may lead to.
    #[serde(serialize_with = "as_texts")]
    pub(crate) redirect_hosts: Vec<HostPattern>,
    /// Whether what is missing is fetched from it.
    pub(crate) pull_through: bool,
    /// Whether strangers may have something fetched with its credentials.
    pub(crate) anonymous_fill: bool,
    /// Whether clients may push under its prefix.
    pub(crate) writable: bool,
    /// Which of its repositories may be fetched.
    pub(crate) repositories: Vec<RepoPattern>,
    /// How long what a tag names is believed.
    pub(crate) tag_max_age: Span,
    /// How many requests may be under way at once.
    pub(crate) max_connections: u16,
}

fn as_texts<T: Display, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(ToString::to_string))
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
        let locations = if self.urls.is_empty() {
            let host = roadstead_mirror::api_host(&self.name);
            vec![parse(key("urls"), &format!("https://{host}"))?]
        } else {
            parse_all(&key("urls"), &self.urls)?
        };
        let repositories = self.repositories.unwrap_or_else(|| vec!["**".to_owned()]);
        Ok(Upstream {
            prefix: self.prefix.unwrap_or_else(|| default_prefix(&self.name)),
            name: self.name,
            hosts: self.hosts,
            locations,
            auth_file: self.auth_file,
            ca_file: self.ca_file,
            proxy: self
                .proxy
                .map(|text| parse(key("proxy"), &text))
                .transpose()?,
            token_hosts: parse_all(&key("token_hosts"), &self.token_hosts)?,
            redirect_hosts: parse_all(&key("redirect_hosts"), &self.redirect_hosts)?,
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
