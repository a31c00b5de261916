//! Which certificate to present at a given moment: the administrator's, the one on disk, or a new
//! one.
//!
//! Owns `server.pem` (the key and the certificate of our own making) and the rules by which it is
//! replaced. Knows nothing of TLS in use. Invariant: what it hands out is complete and checked; the
//! file is written before the certificate is handed out, so a restart presents the same one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use tracing::warn;

use crate::authority::Authority;
use crate::details::Details;
use crate::error::{Error, report};
use crate::identity::Identity;
use crate::name::SubjectName;
use crate::pem::{self, KeyDir};

const FILE: &str = "server.pem";

/// Where an administrator's certificate lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnCertificate {
    /// The chain as PEM, the server's certificate first.
    pub cert: PathBuf,
    /// Its private key as PEM, unencrypted and not readable by everyone.
    pub key: PathBuf,
}

/// Everything the choice depends on.
pub(super) struct Source {
    pub(super) dir: KeyDir,
    pub(super) authority: Authority,
    pub(super) names: BTreeSet<SubjectName>,
    pub(super) own: Option<OwnCertificate>,
}

/// A certificate that may be presented.
pub(super) struct Presented {
    pub(super) identity: Identity,
    pub(super) state: State,
}

/// The certificate in use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// What it says.
    pub certificate: Details,
    /// Whether it is the administrator's.
    pub is_own: bool,
    /// When it will be renewed; nothing if we don't renew it, or can't make it last longer.
    pub renewal: Option<SystemTime>,
}

impl Source {
    /// The certificate to present at `now`, renewed if it is due; checked in full.
    pub(super) fn present(&self, now: SystemTime) -> Result<Presented, Error> {
        if let Some(own) = &self.own {
            return present_own(own, now);
        }
        match self.stored(now)? {
            Some(stored) if !self.is_due(&stored.state, now) => Ok(stored),
            _ => self.reissue(now),
        }
    }

    /// As [`present`](Self::present), but a renewal that fails leaves the certificate on disk in
    /// use while that one holds: a full disk must not keep a server from starting.
    pub(super) fn present_first(&self, now: SystemTime) -> Result<Presented, Error> {
        self.present(now)
            .or_else(|error| match (&self.own, self.stored(now)) {
                (None, Ok(Some(stored))) => Ok(stored),
                _ => Err(error),
            })
    }

    /// The certificate on disk, if our CA vouches for it and it hasn't expired.
    fn stored(&self, now: SystemTime) -> Result<Option<Presented>, Error> {
        match read(&self.dir, |leaf| self.authority.chain(leaf, now)) {
            Ok(found) => Ok(found
                .filter(|leaf| self.authority.signed(leaf))
                .filter(|leaf| !leaf.details.validity.is_over(now))
                .map(|leaf| self.ours(leaf))),
            Err(error) if error.is_damage() => {
                // The CA can vouch for a new one at any time, so damage here stops nobody.
                warn!(
                    error = report(&error),
                    "Replacing a damaged server certificate"
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn is_due(&self, state: &State, now: SystemTime) -> bool {
        !state.certificate.names.is_superset(&self.names)
            || state.renewal.is_some_and(|due| due <= now)
    }

    /// Makes a certificate for exactly the configured names and keeps it.
    pub(super) fn reissue(&self, now: SystemTime) -> Result<Presented, Error> {
        let issued = self.authority.issue(&self.names, now)?;
        issued.save(&self.dir, FILE)?;
        Ok(self.ours(Identity::new(issued.into_bundle())?))
    }

    fn ours(&self, identity: Identity) -> Presented {
        let validity = identity.details.validity;
        // One that ends with the CA stays: a new one would end at the same moment.
        let renews = validity.not_after < self.authority.current().validity.not_after;
        Presented::new(identity, false, renews.then(|| validity.two_thirds()))
    }
}

impl Presented {
    fn new(identity: Identity, is_own: bool, renewal: Option<SystemTime>) -> Self {
        Self {
            state: State {
                certificate: identity.details.clone(),
                is_own,
                renewal,
            },
            identity,
        }
    }
}

/// What the certificate of our own making in `dir` says.
pub(super) fn describe_stored(dir: &Path) -> Result<Option<Details>, Error> {
    let identity = read(&KeyDir::open(dir)?, |leaf| vec![leaf])?;
    Ok(identity.map(|identity| identity.details))
}

fn present_own(own: &OwnCertificate, now: SystemTime) -> Result<Presented, Error> {
    let bundle = pem::read_pair(&own.cert, &own.key)?;
    let identity = Identity::new(bundle)
        .and_then(|identity| identity.check(now).map(|()| identity))
        .map_err(|error| error.in_file(&own.cert))?;
    Ok(Presented::new(identity, true, None))
}

/// Reads `server.pem` and puts `chain` behind its certificate.
fn read(
    dir: &KeyDir,
    chain: impl FnOnce(CertificateDer<'static>) -> Vec<CertificateDer<'static>>,
) -> Result<Option<Identity>, Error> {
    let Some(mut bundle) = dir.load(FILE)? else {
        return Ok(None);
    };
    if let Some(leaf) = bundle.certificates.pop() {
        bundle.certificates = chain(leaf);
    }
    Identity::new(bundle)
        .map(Some)
        .map_err(|error| error.in_file(&dir.file(FILE)))
}
