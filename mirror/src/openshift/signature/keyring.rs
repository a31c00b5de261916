//! The keys that a release may be signed with.
//!
//! One is carried: Red Hat's "release key 2", 567E347AD0044ADE55BA8A5F199E2F91FD431D51, which signs all
//! releases of `OpenShift` 4. It is the first key in
//! `manifests.rhel/0000_90_cluster-update-keys_configmap.yaml` of the public repository
//! openshift/cluster-update-keys, without what follows it there: the beta key signs no release. Others are
//! given by the administrator. Never are they those of the release that is to be verified. Invariant: a
//! keyring has at least one key, and each says itself how long it is good.

use std::io::Read;

use pgp::armor::Dearmor;
use thiserror::Error;

use super::certificate::{Certificate, Unreadable};
use super::fingerprint::Fingerprint;
use super::signer::Signer;

/// Red Hat's release key 2.
const CARRIED: &str = include_str!("redhat-release-key-2.asc");
/// What a file of keys may take, in bytes.
const MAX_FILE: usize = 1024 * 1024;

const BEGIN: &str = "-----BEGIN PGP ";

/// Keys that are trusted: any one of them suffices.
#[derive(Debug)]
pub struct Keyring {
    signers: Vec<Signer>,
    fingerprints: Vec<Fingerprint>,
}

/// Keys cannot be used.
#[derive(Debug, Error)]
pub enum InvalidKeys {
    /// A file of them cannot.
    #[error("read the keys in {name}")]
    File {
        /// Which.
        name: String,
        /// Why not.
        #[source]
        source: InvalidKeyFile,
    },
    /// There are no files.
    #[error("there is no key to trust")]
    None,
}

/// Why a file of keys cannot be used.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct InvalidKeyFile(#[from] Problem);

#[derive(Debug, Error)]
enum Problem {
    #[error("the armour of a key is damaged")]
    Armour(#[source] std::io::Error),
    #[error("it is larger than {MAX_FILE} bytes")]
    TooLarge,
    #[error(
        "the key {key} is without a valid signature of its owner, made with a hash that still counts"
    )]
    Unbound { key: Fingerprint },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Keyring {
    /// The key that is carried.
    pub fn carried() -> Self {
        Self::parse(&[("redhat-release-key-2.asc", CARRIED)])
            .expect("what is carried has been tested to be a key")
    }

    /// The keys in these files, which are named for the error; armoured or not, each may hold several. Where
    /// several speak of one key, all of that holds.
    ///
    /// # Errors
    /// Names the file that holds no key, or something else besides. No files are an error too.
    pub fn parse<N, B>(files: &[(N, B)]) -> Result<Self, InvalidKeys>
    where
        N: AsRef<str>,
        B: AsRef<[u8]>,
    {
        let mut keyring: Vec<(String, Certificate)> = Vec::new();
        for (name, bytes) in files {
            let name = name.as_ref();
            let read = read(bytes.as_ref()).map_err(|source| invalid(name, source))?;
            for certificate in read {
                let fingerprint = certificate.fingerprint();
                let mut known = keyring.iter_mut();
                match known.find(|(_, known)| known.fingerprint() == fingerprint) {
                    Some((_, known)) => known.merge(certificate),
                    None => keyring.push((name.to_owned(), certificate)),
                }
            }
        }
        if keyring.is_empty() {
            return Err(InvalidKeys::None);
        }
        let mut signers = Vec::new();
        let mut fingerprints = Vec::new();
        for (name, certificate) in &keyring {
            let key = certificate.fingerprint();
            let own = Signer::all(certificate);
            signers.extend(own.ok_or_else(|| {
                let key = key.clone();
                invalid(name, Problem::Unbound { key })
            })?);
            fingerprints.push(key);
        }
        Ok(Self {
            signers,
            fingerprints,
        })
    }

    /// What the keys are called, subkeys left out.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    pub(super) fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

fn invalid(name: &str, source: Problem) -> InvalidKeys {
    InvalidKeys::File {
        name: name.to_owned(),
        source: source.into(),
    }
}

/// The certificates in a file; at least one.
fn read(bytes: &[u8]) -> Result<Vec<Certificate>, Problem> {
    if bytes.len() > MAX_FILE {
        return Err(Problem::TooLarge);
    }
    let mut read = Vec::new();
    // A packet begins with an octet that no text has.
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        read = Certificate::read_all(bytes)?;
    } else {
        let text = String::from_utf8_lossy(bytes);
        // What stands before and between them is for people.
        for (start, _) in text.match_indices(BEGIN) {
            let block = &text[start..];
            if block[BEGIN.len()..].starts_with("PRIVATE KEY") {
                return Err(Unreadable::Secret.into());
            }
            read.extend(Certificate::read_all(&plain(block)?)?);
        }
    }
    if read.is_empty() {
        return Err(Unreadable::NoKey.into());
    }
    Ok(read)
}

/// What is in the armour that `block` begins with.
fn plain(block: &str) -> Result<Vec<u8>, Problem> {
    let mut plain = Vec::new();
    let mut armour = Dearmor::new(block.as_bytes());
    armour.read_to_end(&mut plain).map_err(Problem::Armour)?;
    Ok(plain)
}
