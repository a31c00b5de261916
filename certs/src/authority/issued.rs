//! A server certificate that has just been signed, with the only copy of its private key.
//!
//! Knows nothing of how it was made. Invariant: the key leaves as text for `ca issue`, into our own
//! file, or into TLS; the type can be neither cloned nor printed.

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::details::Details;
use crate::error::Error;
use crate::pem::{self, Bundle, KeyDir};

/// A freshly issued server certificate with its private key.
pub struct Issued {
    pub(super) key: PrivatePkcs8KeyDer<'static>,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) details: Details,
}

impl Issued {
    /// What the server certificate says.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// The certificate, and behind it what a client needs that knows only the previous CA, as PEM.
    pub fn chain_pem(&self) -> String {
        pem::certificates_text(&self.chain)
    }

    /// The private key, as PKCS#8 PEM. The caller answers for where it goes.
    pub fn key_pem(&self) -> String {
        pem::key_text(&self.key)
    }

    /// Writes the key and the certificate alone as `name`; the chain behind it depends on the day.
    pub(crate) fn save(&self, dir: &KeyDir, name: &str) -> Result<(), Error> {
        dir.save(name, &self.key, &self.chain[..1])
    }

    pub(crate) fn into_bundle(self) -> Bundle {
        Bundle {
            key: PrivateKeyDer::from(self.key),
            certificates: self.chain,
        }
    }
}
