//! The client side of TLS: which authorities are trusted, and the configuration that follows.
//!
//! Knows nothing of our own CA; whoever trusts it passes its PEM. Invariant: whom one [`Trust`] was
//! given, no other trusts, so one upstream's CA can't vouch for another.

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
    /// Trusts whom the system trusts: what `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the bundle of the
    /// distribution. What of it cannot be read is logged; on a machine that has none, nobody is
    /// trusted.
    pub fn of_system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "Could not read some of the system's certificates");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self { roots }
    }

    /// Trusts these as well.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.roots.extend(other.roots.roots);
        self
    }

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
