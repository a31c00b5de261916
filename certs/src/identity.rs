//! A certificate chain and the private key that belongs to it, checked and ready for TLS.
//!
//! Knows nothing of who issued the chain or where it lies. Invariant: an [`Identity`] exists only
//! if its key fits its first certificate; whether it holds *now* is asked by [`Identity::check`]
//! before it is published.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

use crate::details::Details;
use crate::error::Error;
use crate::pem::Bundle;
use crate::provider;

/// A chain with its key.
pub(crate) struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) details: Details,
}

impl Identity {
    /// Joins a chain and a key.
    pub(crate) fn new(bundle: Bundle) -> Result<Self, Error> {
        let leaf = bundle.certificates.first().ok_or(Error::NoCertificate)?;
        let details = Details::of(leaf)?;
        let key = provider::shared()
            .key_provider
            .load_private_key(bundle.key)
            .map_err(|source| Error::KeyRejected {
                source: Box::new(source),
            })?;
        let certified = CertifiedKey::new(bundle.certificates, key);
        certified.keys_match().map_err(|source| match source {
            rustls::Error::InconsistentKeys(_) => Error::KeyMismatch,
            source => Error::Tls { source },
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            details,
        })
    }

    /// Refuses what has expired or isn't valid yet.
    pub(crate) fn check(&self, now: SystemTime) -> Result<(), Error> {
        let validity = self.details.validity;
        if validity.is_over(now) {
            return Err(Error::Expired {
                not_after: validity.not_after,
            });
        }
        if now < validity.not_before {
            return Err(Error::NotYetValid {
                not_before: validity.not_before,
            });
        }
        Ok(())
    }
}
