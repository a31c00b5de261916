//! Commands about certificates: show, trust, issue, renew, rotate.
//!
//! Works on the certificates being served where somebody serves, and on the files otherwise; either
//! way the crate that owns the keys does the work. Functions here block. Invariant: what only reads
//! makes and changes no file.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use roadstead_certs::{Authority, Details, Error, ServerTls, SubjectName};

use crate::admin::report::{Certificates, Issued, Report, ServerCertificate, Trust};
use crate::config::Config;
use crate::config::address::Address;

/// The certificates of a registry, at one moment.
pub(super) struct CertificateWork {
    /// Those being served; nothing when nobody serves.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// What they would be served by.
    pub(super) config: Arc<Config>,
    /// How the registry is reached, where that is known.
    pub(super) address: Option<Address>,
    /// The moment.
    pub(super) now: SystemTime,
}

impl CertificateWork {
    /// Issues a certificate for another server.
    pub(super) fn issue(&self, names: &BTreeSet<SubjectName>) -> Result<Report, Error> {
        let issued = self.authority()?.issue(names, self.now)?;
        Ok(Report::Issued(Issued {
            chain: issued.chain_pem(),
            key: issued.key_pem(),
        }))
    }

    /// Issues a new server certificate.
    pub(super) fn renew(&self) -> Result<Report, Error> {
        self.served()?.renew(self.now)?;
        self.show()
    }

    /// Puts a new authority in place of the current one.
    pub(super) fn rotate(&self) -> Result<Report, Error> {
        self.served()?.rotate(self.now)?;
        self.show()
    }

    /// Describes all there is.
    pub(super) fn show(&self) -> Result<Report, Error> {
        let authority = self.authority()?;
        let stored = |details: Details| ServerCertificate {
            certificate: (&details).into(),
            own: false,
            renewal: None,
        };
        let server = match &self.tls {
            Some(tls) => Some(tls.state().into()),
            None => ServerTls::stored(&self.directory())?.map(stored),
        };
        Ok(Report::Certificates(Box::new(Certificates {
            authority: authority.current().into(),
            previous_authority: authority.previous(self.now).map(Into::into),
            server,
        })))
    }

    /// Hands out what clients must trust.
    pub(super) fn trust(&self) -> Result<Trust, Error> {
        let pem = self.authority()?.trust_pem(self.now);
        Ok(Trust {
            pem,
            address: self.address.clone(),
        })
    }

    fn authority(&self) -> Result<Authority, Error> {
        Authority::open(&self.directory())
    }

    fn directory(&self) -> PathBuf {
        self.config.certificate_directory()
    }

    /// The certificates in use, or those that would be.
    fn served(&self) -> Result<Arc<ServerTls>, Error> {
        match &self.tls {
            Some(tls) => Ok(Arc::clone(tls)),
            None => ServerTls::open(self.config.certificates(), self.now).map(Arc::new),
        }
    }
}
