//! How the published certificate reaches a client: rustls' configuration and its resolver.
//!
//! Knows nothing of where certificates come from. Invariant: the configuration is made once and
//! never changes; only what the resolver reads does, so a running connection is never disturbed.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::source::Presented;
use crate::error::Error;
use crate::provider;

/// A configuration that answers each handshake with what `presented` holds at that moment.
pub(super) fn server_config(
    presented: watch::Receiver<Presented>,
) -> Result<Arc<ServerConfig>, Error> {
    let tls = |source| Error::Tls { source };
    let mut config = ServerConfig::builder_with_provider(provider::shared())
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver(presented)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Tickets keep resumption stateless: no memory per client.
    config.ticketer = Ticketer::new().map_err(tls)?;
    Ok(Arc::new(config))
}

/// Answers each handshake with what is published at that moment, whatever name was asked for.
struct Resolver(watch::Receiver<Presented>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.borrow().identity.certified))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver")
            .field(&self.0.borrow().state)
            .finish()
    }
}
