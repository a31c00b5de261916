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

    /// Reads the files that the configuration names, and lets them count from now on. Where it names
    /// nothing there is nothing to refuse: what is carried takes memory only once somebody asks.
    ///
    /// # Errors
    /// Names the file that cannot be used; then the old ones stay.
    pub(crate) fn reload(&self, release: &Release) -> Result<(), Untrustworthy> {
        let trust = if *release == Release::default() {
            None
        } else {
            Some(self.read(release)?)
        };
        self.know(Known {
            release: release.clone(),
            trust,
        });
        Ok(())
    }

    fn read(&self, release: &Release) -> Result<Trust, Untrustworthy> {
        Ok(Trust {
            keyring: Arc::new(configured_keys(release)?),
            stores: self.on_web(configured_stores(release))?.into(),
        })
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
        if let Some(trust) = trust {
            return Ok(trust);
        }
        let trust = self.read(&release)?;
        let known = self.0.known.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        // Another configuration may have come to count meanwhile, and it is not for this one to replace it.
        if known.release == release {
            known.trust = Some(trust.clone());
        }
        Ok(trust)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::admin::release::trust::{Encoded, GivenFile};
    use crate::report::chain;

    /// Of nobody; its secret part is gone.
    const KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawM1nBYJKwYBBAHaRw8BAQdASGD6tPB1fuCFSMij8+NRIFA87g3nC0DOKFdz
J+17Gf20F1Rlc3QgPHRlc3RAZXhhbXBsZS5jb20+iJAEExYIADgWIQTLJ+uqK+Wu
reNYsTugoUzrnHbZKQUCawM1nAIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAK
CRCgoUzrnHbZKU3jAQCJNuGACmzkLVbJHGqDMPlTZGg7p9ymrIwiKsyvb6rIzAD+
IyF/KJfGsLKnHpMAvPXJcbAchGXfRKAxH/XRnJs+yAs=
=Dq9Q
-----END PGP PUBLIC KEY BLOCK-----
";
    const OWN: &str = "CB27EBAA2BE5AEADE358B13BA0A14CEB9C76D929";
    const CARRIED: &str = "567E347AD0044ADE55BA8A5F199E2F91FD431D51";

    fn new() -> ReleaseTrust {
        ReleaseTrust::new(ProxyVariables::default())
    }

    fn release(keys: &[&Path], stores: &[&str]) -> Release {
        Release {
            keys: keys.iter().map(|path| path.to_path_buf()).collect(),
            signature_stores: stores.iter().map(|url| url.parse().unwrap()).collect(),
        }
    }

    #[track_caller]
    fn check(trust: &Trust, key: &str, stores: &[&str]) {
        let keys = trust.keyring.fingerprints().iter();
        assert_eq!(keys.map(ToString::to_string).collect::<Vec<_>>(), [key]);
        let found = trust.stores.iter().map(|store| format!("{store:?}"));
        assert_eq!(found.collect::<Vec<_>>(), stores);
    }

    fn red_hats() -> Vec<String> {
        let stores = StoreUrl::red_hats();
        stores.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_a_word_red_hats_key_and_stores_count() {
        let (trust, stores) = (new(), red_hats());
        let stores: Vec<_> = stores.iter().map(String::as_str).collect();
        check(&trust.configured().unwrap(), CARRIED, &stores);
        check(
            &trust.with(&GivenTrust::default()).unwrap(),
            CARRIED,
            &stores,
        );
    }

    #[test]
    fn what_is_configured_counts_in_place_of_what_is_carried() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.asc");
        fs::write(&file, KEY).unwrap();
        let (trust, store) = (new(), "http://signatures.example.com/");
        let configured = release(&[&file], &[store]);
        trust.reload(&configured).unwrap();
        check(&trust.configured().unwrap(), OWN, &[store]);
        // What was read counts until it is read again.
        fs::write(&file, "no key").unwrap();
        check(&trust.configured().unwrap(), OWN, &[store]);
        let refused = trust.reload(&configured).unwrap_err();
        assert!(chain(&refused).to_string().contains("key.asc"));
        check(&trust.configured().unwrap(), OWN, &[store]);
        // Whoever does not serve reads it only then.
        trust.configure(&configured);
        trust.configured().map(drop).unwrap_err();
        fs::remove_file(&file).unwrap();
        let refused = trust.configured().map(drop).unwrap_err();
        assert!(chain(&refused).to_string().contains("key.asc"));
    }

    #[test]
    fn what_is_carried_is_read_once_and_only_when_somebody_asks() {
        let trust = new();
        trust.reload(&Release::default()).unwrap();
        assert!(trust.0.known.read().unwrap().trust.is_none());
        let (first, second) = (trust.configured().unwrap(), trust.configured().unwrap());
        assert!(Arc::ptr_eq(&first.keyring, &second.keyring));
    }

    #[test]
    fn what_a_command_brings_along_counts_in_place_of_the_rest() {
        let (trust, missing) = (new(), Path::new("/nonexistent/key.asc"));
        trust.configure(&release(&[missing], &["https://configured.example.com"]));
        let key = GivenFile {
            name: "own.asc".to_owned(),
            bytes: Encoded(KEY.into()),
        };
        let url = "https://given.example.com/";
        let mut given = GivenTrust {
            keys: vec![key],
            stores: vec![
                GivenStore::Directory(Vec::new()),
                GivenStore::Web(url.parse().unwrap()),
            ],
            allow_unsigned: false,
        };
        // What is configured is not even looked at.
        check(&trust.with(&given).unwrap(), OWN, &["0 signatures", url]);
        given.keys[0].bytes = Encoded(b"junk".to_vec());
        let refused = trust.with(&given).map(drop).unwrap_err();
        assert!(chain(&refused).to_string().contains("own.asc"));
        given.keys.clear();
        let refused = trust.with(&given).map(drop).unwrap_err();
        assert!(chain(&refused).to_string().contains("/nonexistent/key.asc"));
    }
}
