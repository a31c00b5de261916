//! A contestant as one row asks it: where it is, whom to trust there and who to be.

use std::net::SocketAddr;
use std::sync::Arc;

use harness::Client;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

/// The name of what is measured.
pub(crate) const ROADSTEAD: &str = "roadstead";
/// The names of its peers.
pub(crate) const DISTRIBUTION: &str = "docker-registry";
pub(crate) const NGINX: &str = "nginx";

/// Whether a contestant wants to know who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Anonymous,
    Token,
}

/// How a contestant is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// One contestant as one row asks it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
    pub(crate) trust: Option<Trust>,
    pub(crate) token: Option<String>,
}

/// Whom to trust.
#[derive(Clone)]
pub(crate) struct Trust {
    pem: Arc<[u8]>,
    /// What Go's clients choose where processors know AES: TLS 1.3 with AES-128-GCM.
    pub(crate) config: Arc<ClientConfig>,
}

impl Target {
    /// One that speaks plain HTTP and asks for no login.
    pub(crate) fn plain(name: &'static str, pid: u32, address: SocketAddr) -> Self {
        Self {
            name,
            pid,
            address,
            trust: None,
            token: None,
        }
    }

    /// A client of the harness, for what is not measured.
    pub(crate) fn client(&self) -> Client {
        let client = match &self.trust {
            None => Client::plain(self.address),
            Some(trust) => Client::tls(self.address, &trust.pem),
        };
        match &self.token {
            None => client,
            Some(token) => client.bearer(token),
        }
    }
}

impl Trust {
    /// Trust in the certificates of this PEM alone.
    pub(crate) fn in_pem(pem: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.expect("a certificate in PEM");
            roots.add(certificate).expect("a certificate to trust");
        }
        let provider = CryptoProvider {
            cipher_suites: vec![cipher_suite::TLS13_AES_128_GCM_SHA256],
            ..default_provider()
        };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider knows TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            pem: pem.into(),
            config: Arc::new(config),
        }
    }
}

/// The name that all contestants have.
pub(crate) fn loopback() -> ServerName<'static> {
    ServerName::try_from("127.0.0.1").expect("an address")
}
