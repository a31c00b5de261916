//! What is known of an upstream before it is asked: whom it trusts, how it is logged in to, through
//! which proxy it is reached.
//!
//! Reads the files that the configuration names; functions here block. Knows nothing of what is asked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roadstead_certs::{Trust, client_config};
use roadstead_mirror::{
    Credentials, InvalidCredentials, InvalidLocation, Location, Proxies, Timeouts,
    Upstream as Description, api_host,
};
use thiserror::Error;
use tracing::warn;

use crate::config::{ProxyVariables, Upstream};

/// How many requests may be under way at once where nothing is said.
const MAX_CONNECTIONS: usize = 16;

/// An upstream cannot be used as it is configured, or named.
#[derive(Debug, Error)]
#[error("the upstream {upstream}")]
pub(crate) struct Unusable {
    upstream: String,
    #[source]
    source: Problem,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}", path.display())]
    Credentials {
        path: PathBuf,
        #[source]
        source: InvalidCredentials,
    },
    #[error("{}", path.display())]
    Certificates {
        path: PathBuf,
        #[source]
        source: roadstead_certs::Error,
    },
    #[error("make an address of its name")]
    Name {
        #[source]
        source: InvalidLocation,
    },
    #[error("TLS")]
    Tls {
        #[source]
        source: roadstead_certs::Error,
    },
}

/// What the configuration says of an upstream.
pub(super) fn configured(
    upstream: &Upstream,
    proxies: &ProxyVariables,
) -> Result<Description, Unusable> {
    describe(upstream, proxies).map_err(|source| Unusable {
        upstream: upstream.name.clone(),
        source,
    })
}

/// What holds of a registry that only its name is known of: it is reached there by https.
pub(super) fn named(registry: &str, proxies: &ProxyVariables) -> Result<Description, Unusable> {
    let unusable = |source| Unusable {
        upstream: registry.to_owned(),
        source,
    };
    let location = format!("https://{}", api_host(registry)).parse::<Location>();
    let location = location.map_err(|source| unusable(Problem::Name { source }))?;
    let tls = client_config(Trust::of_system());
    let tls = tls.map_err(|source| unusable(Problem::Tls { source }))?;
    Ok(Description {
        name: registry.to_owned(),
        locations: vec![location],
        credentials: Credentials::default(),
        tls: Arc::new(tls),
        proxies: of_environment(proxies),
        token_hosts: Vec::new(),
        redirect_hosts: Vec::new(),
        max_connections: MAX_CONNECTIONS,
        timeouts: Timeouts::default(),
    })
}

fn describe(upstream: &Upstream, proxies: &ProxyVariables) -> Result<Description, Problem> {
    let credentials = match &upstream.auth_file {
        Some(path) => Credentials::parse(&read(path)?).map_err(|source| Problem::Credentials {
            path: path.clone(),
            source,
        })?,
        None => Credentials::default(),
    };
    let mut trust = Trust::of_system();
    if let Some(path) = &upstream.ca_file {
        let own = Trust::from_pem(&read(path)?);
        trust = trust.and(own.map_err(|source| Problem::Certificates {
            path: path.clone(),
            source,
        })?);
    }
    let tls = client_config(trust).map_err(|source| Problem::Tls { source })?;
    let proxies = match &upstream.proxy {
        Some(proxy) => Proxies::always(&proxy.reveal(), &proxies.no),
        None => of_environment(proxies),
    };
    if !upstream.locations.iter().all(Location::is_encrypted) {
        warn!(upstream = %upstream.name, "An upstream is reached without encryption");
    }
    Ok(Description {
        name: upstream.name.clone(),
        locations: upstream.locations.clone(),
        credentials,
        tls: Arc::new(tls),
        proxies,
        token_hosts: upstream.token_hosts.clone(),
        redirect_hosts: upstream.redirect_hosts.clone(),
        max_connections: upstream.max_connections.into(),
        timeouts: Timeouts::default(),
    })
}

pub(super) fn of_environment(proxies: &ProxyVariables) -> Proxies {
    let ProxyVariables { http, https, no } = proxies;
    Proxies::of_environment(http, https, no)
}

fn read(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|source| Problem::Read {
        path: path.to_owned(),
        source,
    })
}
