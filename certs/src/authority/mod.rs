//! The certificate authority: made once, signs servers, can be followed by a new one.
//!
//! With `profile.rs` the only place that names rcgen. Knows nothing of TLS in use. Owns `ca.pem`:
//! the private key, the CA's certificate, and, after a rotation, the certificate by which the old
//! CA vouches for the new one and the old CA's own. Invariants: that one file is the whole state,
//! so a rotation is one rename; the old CA's key is gone with it.

mod issued;
mod profile;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{Issuer, KeyPair, PublicKeyData};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};

use crate::details::Details;
use crate::error::Error;
use crate::identity::Identity;
use crate::name::SubjectName;
use crate::pem::{self, Bundle, KeyDir};
use crate::provider;
use crate::validity::{AUTHORITY_LIFE, LEAF_LIFE, Validity};

pub use issued::Issued;

const FILE: &str = "ca.pem";

/// The registry's own certificate authority.
pub struct Authority {
    dir: KeyDir,
    issuer: Issuer<'static, KeyPair>,
    current: Root,
    previous: Option<Previous>,
}

/// A CA's self-signed certificate.
struct Root {
    certificate: CertificateDer<'static>,
    details: Details,
}

/// The CA before the current one.
struct Previous {
    root: Root,
    /// The current CA's name and key, signed by the previous one.
    cross: CertificateDer<'static>,
}

impl Authority {
    /// Opens the CA in `dir`, or makes one (and the directory, 0700) if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the CA is there but can't be used: it is never replaced silently, because
    /// clients trust it.
    pub fn open_or_create(dir: &Path, now: SystemTime) -> Result<Self, Error> {
        let dir = KeyDir::create(dir)?;
        match dir.load(FILE)? {
            Some(bundle) => Self::load(dir, bundle),
            None => Self::generate(now, None)?.keep(dir),
        }
    }

    /// Opens the CA in `dir`.
    ///
    /// # Errors
    ///
    /// [`Error::AuthorityMissing`] if there is none, else as
    /// [`open_or_create`](Self::open_or_create).
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let dir = KeyDir::open(dir)?;
        match dir.load(FILE)? {
            Some(bundle) => Self::load(dir, bundle),
            None => Err(Error::AuthorityMissing {
                dir: dir.path().into(),
            }),
        }
    }

    /// What the CA's certificate says.
    pub fn current(&self) -> &Details {
        &self.current.details
    }

    /// What the CA before it says, as long as it is still trusted.
    pub fn previous(&self, now: SystemTime) -> Option<&Details> {
        Some(&self.overlap(now)?.root.details)
    }

    /// What clients must trust, as PEM: this CA, then the one before it while it overlaps.
    pub fn trust_pem(&self, now: SystemTime) -> String {
        let previous = self.overlap(now).map(|old| old.root.certificate.clone());
        let roots: Vec<_> = [self.current.certificate.clone()]
            .into_iter()
            .chain(previous)
            .collect();
        pem::certificates_text(&roots)
    }

    /// Issues a server certificate for exactly `names`: one year, or until the CA's own end.
    ///
    /// # Errors
    ///
    /// [`Error::NoNames`], [`Error::AuthorityExpired`], or [`Error::Generate`].
    pub fn issue(&self, names: &BTreeSet<SubjectName>, now: SystemTime) -> Result<Issued, Error> {
        if names.is_empty() {
            return Err(Error::NoNames);
        }
        let end = self.current.details.validity.not_after;
        if self.current.details.validity.is_over(now) {
            return Err(Error::AuthorityExpired { not_after: end });
        }
        let key = KeyPair::generate().map_err(Error::generate)?;
        let validity = Validity::starting(now, LEAF_LIFE).cut_at(end);
        let leaf: CertificateDer<'static> = profile::server(names, validity)?
            .signed_by(&key, &self.issuer)
            .map_err(Error::generate)?
            .into();
        Ok(Issued {
            details: Details::of(&leaf)?,
            chain: self.chain(leaf, now),
            key: key.serialize_der().into(),
        })
    }

    /// Puts a new CA in this one's place; this one stays trusted until it expires or the next
    /// rotation.
    ///
    /// The old key signs the new CA and is then given up with the file that held it. Servers must
    /// be issued anew afterwards. A crash leaves the old state or the new one.
    ///
    /// # Errors
    ///
    /// On failure the CA is as before.
    pub fn rotate(&mut self, now: SystemTime) -> Result<(), Error> {
        let dir = KeyDir::open(self.dir.path())?;
        *self = Self::generate(now, Some(self))?.keep(dir)?;
        Ok(())
    }

    /// The chain a server presents: with the cross certificate while a client may know only the
    /// CA before this one.
    pub(crate) fn chain(
        &self,
        leaf: CertificateDer<'static>,
        now: SystemTime,
    ) -> Vec<CertificateDer<'static>> {
        let cross = self.overlap(now).map(|old| old.cross.clone());
        [leaf].into_iter().chain(cross).collect()
    }

    /// Whether this CA, and not the one before it, signed `leaf`; whether it still holds is not
    /// asked.
    pub(crate) fn signed(&self, leaf: &Identity) -> bool {
        let mut anchors = RootCertStore::empty();
        let start = leaf.details.validity.not_before;
        let then = start
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        anchors.add(self.current.certificate.clone()).is_ok()
            && leaf
                .certified
                .end_entity_cert()
                .and_then(ParsedCertificate::try_from)
                .and_then(|parsed| {
                    verify_server_cert_signed_by_trust_anchor(
                        &parsed,
                        &anchors,
                        &[],
                        UnixTime::since_unix_epoch(then),
                        provider::shared().signature_verification_algorithms.all,
                    )
                })
                .is_ok()
    }

    fn overlap(&self, now: SystemTime) -> Option<&Previous> {
        self.previous
            .as_ref()
            .filter(|old| !old.root.details.validity.is_over(now))
    }

    fn generate(now: SystemTime, previous: Option<&Self>) -> Result<Fresh, Error> {
        let key = KeyPair::generate().map_err(Error::generate)?;
        let validity = Validity::starting(now, AUTHORITY_LIFE);
        let root = profile::root(&key, validity)?
            .self_signed(&key)
            .map_err(Error::generate)?;
        let mut certificates = vec![root.into()];
        if let Some(old) = previous.filter(|old| !old.current().validity.is_over(now)) {
            let validity = validity.cut_at(old.current().validity.not_after);
            let cross = profile::cross(&key, validity)?
                .signed_by(&key, &old.issuer)
                .map_err(Error::generate)?;
            certificates.push(cross.into());
            certificates.push(old.current.certificate.clone());
        }
        Ok(Fresh {
            key: key.serialize_der().into(),
            certificates,
        })
    }

    fn load(dir: KeyDir, bundle: Bundle) -> Result<Self, Error> {
        let path = dir.file(FILE);
        Self::assemble(dir, bundle).map_err(|error| error.in_file(&path))
    }

    /// Checks that the parts belong together.
    fn assemble(dir: KeyDir, bundle: Bundle) -> Result<Self, Error> {
        let key = KeyPair::try_from(&bundle.key).map_err(|source| Error::KeyRejected {
            source: Box::new(source),
        })?;
        let (current, previous) = match <[_; 3]>::try_from(bundle.certificates) {
            Ok([current, cross, old]) => {
                let root = Root::new(old)?;
                (current, Some(Previous { root, cross }))
            }
            Err(mut certificates) if certificates.len() == 1 => (certificates.remove(0), None),
            Err(certificates) => {
                return Err(Error::AuthorityShape {
                    found: certificates.len(),
                });
            }
        };
        let current = Root::new(current)?;
        let parsed = ParsedCertificate::try_from(&current.certificate)
            .map_err(|source| Error::Tls { source })?;
        if *parsed.subject_public_key_info() != *key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&current.certificate, key).map_err(Error::generate)?,
            dir,
            current,
            previous,
        })
    }
}

impl Root {
    fn new(certificate: CertificateDer<'static>) -> Result<Self, Error> {
        let details = Details::of(&certificate)?;
        if !details.is_authority {
            return Err(Error::NotAnAuthority);
        }
        Ok(Self {
            certificate,
            details,
        })
    }
}

/// A new CA that is not on disk yet.
struct Fresh {
    key: PrivatePkcs8KeyDer<'static>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Fresh {
    /// Checks it as if it had been read, writes it, and only then hands it out.
    fn keep(self, dir: KeyDir) -> Result<Authority, Error> {
        let bundle = Bundle {
            key: PrivateKeyDer::from(self.key.clone_key()),
            certificates: self.certificates.clone(),
        };
        let authority = Authority::load(dir, bundle)?;
        authority.dir.save(FILE, &self.key, &self.certificates)?;
        Ok(authority)
    }
}
