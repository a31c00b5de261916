//! The configuration as a whole, and what follows from it.
//!
//! Owns what is derived: the names in the certificate, the address that others use, the warnings.
//! Knows neither the file nor the flags. Invariant: a [`Config`] that exists can be served, as far as
//! a look at the text alone can tell.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use roadstead_certs::{OwnCertificate, SubjectName};
use roadstead_storage::Clock;
use serde::{Deserialize, Serialize, Serializer};

use crate::auth::config::{Anonymous, Config as AuthConfig, Rule};
use crate::config::address::Address;
use crate::config::host;
use crate::config::mirroring::{Release, Upstream};
use crate::config::storage::StorageConfig;
use crate::config::sync::Sync;

/// Everything that is configured, checked. Serialises to the same keys as the file has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Config {
    /// The file it was read from, if there was one.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// What a person should know about it at the start, one sentence each.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
    /// The data directory, absolute.
    pub(crate) data: PathBuf,
    /// How others reach the registry, where that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<Address>,
    /// Where TLS is served.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where plain HTTP is served.
    pub(crate) http_listen: Vec<SocketAddr>,
    /// Names the registry is reached by, beyond those the machine has.
    #[serde(serialize_with = "as_texts")]
    pub(crate) names: Vec<SubjectName>,
    /// Whose `X-Forwarded-*` count.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// An administrator's own certificate, in place of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<Tls>,
    /// Who may do what.
    pub(crate) auth: AuthConfig,
    /// What is kept.
    pub(crate) storage: StorageConfig,
    /// How release payloads are verified.
    #[serde(skip_serializing_if = "Release::is_default")]
    pub(crate) release: Release,
    #[serde(rename = "upstream", skip_serializing_if = "Vec::is_empty")]
    pub(crate) upstreams: Vec<Upstream>,
    #[serde(rename = "sync", skip_serializing_if = "Vec::is_empty")]
    pub(crate) syncs: Vec<Sync>,
}

impl Config {
    /// The names the server certificate carries: those configured, the host of the address, and
    /// those the machine has by itself.
    pub(crate) fn certificate_names(&self) -> BTreeSet<SubjectName> {
        let configured = self
            .names
            .iter()
            .chain(self.address.as_ref().map(Address::host))
            .cloned();
        configured
            .chain(host::host_names())
            .chain(host::local_names())
            .collect()
    }

    /// The certificate to serve in place of ours.
    pub(crate) fn own_certificate(&self) -> Option<OwnCertificate> {
        let tls = self.tls.clone()?;
        Some(OwnCertificate {
            cert: tls.cert,
            key: tls.key,
        })
    }

    /// Where the keys and certificates lie.
    pub(crate) fn certificate_directory(&self) -> PathBuf {
        self.data.join("certs")
    }

    /// What the certificates are opened with.
    pub(crate) fn certificates(&self) -> roadstead_certs::Config {
        roadstead_certs::Config {
            dir: self.certificate_directory(),
            names: self.certificate_names(),
            own: self.own_certificate(),
        }
    }

    /// What the store is opened with.
    pub(crate) fn store(&self, clock: Clock) -> roadstead_storage::Config {
        self.storage.store(&self.data, clock)
    }

    /// How others reach the registry: as configured, else by its first name and the port it listens
    /// on. `None` where that would be a guess: the machine has no name, or the port is not known.
    pub(crate) fn public_address(&self, bound: &[SocketAddr]) -> Option<Address> {
        if self.address.is_some() {
            return self.address.clone();
        }
        let mut ports = bound.iter().chain(&self.listen).chain(&self.http_listen);
        let port = ports.find(|address| address.port() != 0)?.port();
        let names = self.names.iter().cloned().chain(host::host_names());
        names
            .into_iter()
            .find_map(|name| Address::new(name, port).ok())
    }
}

/// The `[tls]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    cert: PathBuf,
    key: PathBuf,
}

/// What is allowed but probably not what was meant, and what has no effect in this version.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let auth = &config.auth;
    if auth.anonymous == Anonymous::Push {
        warnings.push("anyone who can reach this registry may push and delete".to_owned());
        if !auth.rules.is_empty() {
            warnings.push("auth.rule has no effect while auth.anonymous is \"push\"".to_owned());
        }
    }
    let names_strangers = auth.rules.iter().any(Rule::names_strangers);
    if auth.anonymous == Anonymous::None && names_strangers {
        let text =
            "an auth.rule names \"anonymous\", which says nothing while auth.anonymous is \"none\"";
        warnings.push(text.to_owned());
    }
    // docker, podman and skopeo take any shorter life for 60 seconds and send the token too late.
    if auth.token_lifetime.duration().as_secs() < 60 {
        warnings.push("auth.token_lifetime is below the 60s that clients count on".to_owned());
    }
    if !config
        .http_listen
        .iter()
        .all(|address| address.ip().is_loopback())
    {
        warnings.push("http_listen sends passwords in the clear to other machines".to_owned());
    }
    warnings
}

/// Lists print as lists of their texts.
fn as_texts<S: Serializer>(names: &[SubjectName], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(ToString::to_string))
}
