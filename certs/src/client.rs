//! The client side of TLS: which authorities are trusted, and the configuration that follows.
//!
//! Knows nothing of our own CA; whoever trusts it passes its PEM. Invariant: only the given roots
//! count, the system's are never added, so one upstream's CA can't vouch for another.

use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;
use crate::pem;
use crate::provider;

/// The certificate authorities a client accepts.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: RootCertStore,
}

impl Trust {
    /// Trusts every certificate in a PEM text, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::ParsePem`], [`Error::NoCertificate`] if there is none, [`Error::Tls`] for one that
    /// can't be a trust anchor.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let certificates = pem::parse_certificates(text.as_bytes())?;
        if certificates.is_empty() {
            return Err(Error::NoCertificate);
        }
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|source| Error::Tls { source })?;
        }
        Ok(Self { roots })
    }
}

/// A client configuration that accepts servers vouched for by `trust`.
///
/// ALPN is left empty: the HTTP client that uses it knows what it speaks.
///
/// # Errors
///
/// [`Error::Tls`] if the provider lacks what TLS needs.
pub fn client_config(trust: Trust) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider::shared())
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Tls { source })?
        .with_root_certificates(trust.roots)
        .with_no_client_auth())
}
