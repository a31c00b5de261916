//! How a request gets to the registry: one connection, one exchange, no thread left behind.
//!
//! hyper speaks here and nowhere else in the harness. The runtime lives as long as the exchange, so
//! that a test needs none and may block where it likes.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::response::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::body::Body;

/// How long one exchange may take before the test fails: far more than any needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// Where a registry listens, by which name it is called and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// `host:port`, in `Host` and in TLS.
    pub(crate) authority: String,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) http2: bool,
}

impl Endpoint {
    /// The name that its certificate must carry.
    pub(crate) fn server_name(&self) -> ServerName<'static> {
        let authority = &*self.authority;
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        ServerName::try_from(host).expect("the authority is a name or an address")
    }

    /// Sends a request and hands the body of the answer to `sink`, piece by piece.
    pub(crate) fn exchange(
        &self,
        request: http::Request<Body>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Parts {
        let story = format!("{} {}", request.method(), request.uri());
        block_on(&story, async {
            let (head, mut body) = self.send(request).await.into_parts();
            while let Some(frame) = body.frame().await {
                let frame = frame.unwrap_or_else(|error| panic!("{story}: cut short: {error:?}"));
                if let Some(data) = frame.data_ref() {
                    sink(data);
                }
            }
            head
        })
    }

    async fn send(&self, request: http::Request<Body>) -> http::Response<Incoming> {
        let answer = if self.http2 {
            let stream = self.stream().await.expect("connect to the registry");
            let executor = TokioExecutor::new();
            let (mut sender, connection) = http2::handshake(executor.clone(), TokioIo::new(stream))
                .await
                .expect("begin HTTP/2");
            executor.execute(connection);
            sender.send_request(request).await
        } else {
            let mut sender = self.http1().await.expect("connect to the registry");
            sender.send_request(request).await
        };
        answer.expect("an answer of the registry")
    }

    /// Opens a connection for HTTP/1.1, for as long as the runtime lives.
    ///
    /// # Errors
    ///
    /// When nobody listens, or the handshake fails.
    pub(crate) async fn http1(&self) -> io::Result<http1::SendRequest<Body>> {
        let io = TokioIo::new(self.stream().await?);
        let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
        TokioExecutor::new().execute(connection);
        Ok(sender)
    }

    async fn stream(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let Some(config) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Box::new(connector.connect(self.server_name(), tcp).await?))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn block_on<T>(story: &str, future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for one exchange");
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, future).await })
        .unwrap_or_else(|_| panic!("{story}: no end after {PATIENCE:?}"))
}

/// A TLS configuration that trusts these certificates and no others.
pub(crate) fn trusting(pem: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots
            .add(certificate.expect("a certificate in PEM"))
            .expect("a certificate to trust");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
