//! By what releases are judged: which keys are trusted, and where their signatures are found.
//!
//! What the configuration names counts in place of what is carried, and what a command brings along in place of
//! both. Functions here block: they read the files that the configuration names. Invariant: what cannot be read
//! is an error, and never less to be judged by.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use roadstead_certs::client_config;
use roadstead_mirror::Timeouts;
use roadstead_mirror::openshift::signature::{
    GivenSignature, InvalidKeys, Keyring, Network, SignatureStore, StoreUrl,
};
use thiserror::Error;

use super::description::of_environment;
use crate::admin::release::trust::{GivenStore, GivenTrust};
use crate::config::{ProxyVariables, Release};

/// By what releases are judged where a command says nothing else; clones share it.
#[derive(Clone)]
pub(crate) struct ReleaseTrust(Arc<Inner>);

struct Inner {
    proxies: ProxyVariables,
    known: RwLock<Known>,
}

#[derive(Clone, Default)]
struct Known {
    /// What the configuration says.
    release: Release,
    /// What that came to, once somebody has looked.
    trust: Option<Trust>,
}

/// By what a release is judged.
#[derive(Clone)]
pub(crate) struct Trust {
    /// The keys, any one of which suffices.
    pub(crate) keyring: Arc<Keyring>,
    /// Where signatures are found.
    pub(crate) stores: Arc<[SignatureStore]>,
}

/// Nothing can be judged by what is configured, or was brought along.
#[derive(Debug, Error)]
pub(crate) enum Untrustworthy {
    #[error("trust release keys")]
    Keys {
        #[source]
        source: InvalidKeys,
    },
    #[error("read the release key {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("TLS to signature stores")]
    Tls {
        #[source]
        source: roadstead_certs::Error,
    },
}

impl ReleaseTrust {
    /// What is carried.
    pub(super) fn new(proxies: ProxyVariables) -> Self {
        Self(Arc::new(Inner {
            proxies,
            known: RwLock::default(),
        }))
    }

    /// Lets the configuration count from now on. Its files are read when somebody asks.
    pub(crate) fn configure(&self, release: &Release) {
        self.know(Known {
            release: release.clone(),
            trust: None,
        });
    }

    /// Reads the files that the configuration names, and lets them count from now on.
    ///
    /// # Errors
    /// Names the file that cannot be used; then the old ones stay.
    pub(crate) fn reload(&self, release: &Release) -> Result<(), Untrustworthy> {
        self.read(release).map(drop)
    }

    fn read(&self, release: &Release) -> Result<Trust, Untrustworthy> {
        let trust = Trust {
            keyring: Arc::new(configured_keys(release)?),
            stores: self.on_web(configured_stores(release))?.into(),
        };
        self.know(Known {
            release: release.clone(),
            trust: Some(trust.clone()),
        });
        Ok(trust)
    }

    /// By what a release is judged for a command that brings this along.
    ///
    /// # Errors
    /// Names what cannot be used.
    pub(crate) fn with(&self, given: &GivenTrust) -> Result<Trust, Untrustworthy> {
        let keyring = if given.keys.is_empty() {
            self.configured()?.keyring
        } else {
            let keys = given.keys.iter();
            let keys: Vec<_> = keys.map(|key| (&key.name, &key.bytes.0)).collect();
            let keyring = Keyring::parse(&keys);
            Arc::new(keyring.map_err(|source| Untrustworthy::Keys { source })?)
        };
        let stores = if given.stores.is_empty() {
            self.configured()?.stores
        } else {
            let mut stores = Vec::new();
            for store in &given.stores {
                match store {
                    GivenStore::Directory(signatures) => stores.push(brought(signatures)),
                    GivenStore::Web(url) => stores.extend(self.on_web(vec![url.clone()])?),
                }
            }
            stores.into()
        };
        Ok(Trust { keyring, stores })
    }

    /// By what a release is judged where nobody says anything else.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub(crate) fn configured(&self) -> Result<Trust, Untrustworthy> {
        let known = self.0.known.read();
        let Known { release, trust } = known.unwrap_or_else(PoisonError::into_inner).clone();
        trust.map_or_else(|| self.read(&release), Ok)
    }

    fn know(&self, known: Known) {
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn on_web(&self, urls: Vec<StoreUrl>) -> Result<Vec<SignatureStore>, Untrustworthy> {
        let tls = client_config(roadstead_certs::Trust::of_system());
        let tls = tls.map_err(|source| Untrustworthy::Tls { source })?;
        let network = Network {
            tls: Arc::new(tls),
            proxies: of_environment(&self.0.proxies),
            timeouts: Timeouts::default(),
        };
        let urls = urls.into_iter();
        Ok(urls
            .map(|url| SignatureStore::on_web(url, &network))
            .collect())
    }
}

fn configured_keys(release: &Release) -> Result<Keyring, Untrustworthy> {
    if release.keys.is_empty() {
        return Ok(Keyring::carried());
    }
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).map_err(|source| Untrustworthy::Read {
            path: path.clone(),
            source,
        })?;
        Ok((path.display().to_string(), bytes))
    };
    let files: Result<Vec<_>, _> = release.keys.iter().map(read).collect();
    Keyring::parse(&files?).map_err(|source| Untrustworthy::Keys { source })
}

fn configured_stores(release: &Release) -> Vec<StoreUrl> {
    if release.signature_stores.is_empty() {
        StoreUrl::red_hats()
    } else {
        release.signature_stores.clone()
    }
}

fn brought(signatures: &[crate::admin::release::trust::GivenSignature]) -> SignatureStore {
    let signatures = signatures.iter();
    let signatures = signatures.map(|given| GivenSignature {
        release: given.release,
        number: given.number,
        bytes: given.bytes.0.clone().into(),
    });
    SignatureStore::given(signatures.collect())
}
