//! How a connection is made: resolve, ask the guard, dial, through the proxy if there is one, TLS.
//!
//! Invariant: what is dialled is the address that was judged, never the name again.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::guard::Guard;
use super::host::Authority;
use super::proxy::{Proxies, Proxy};
use super::stream::Stream;

/// How long one of several addresses of a host is tried.
const ONE_OF_MANY: Duration = Duration::from_secs(3);

/// Makes connections for one upstream; cheap to clone.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Ways>);

struct Ways {
    tls: TlsConnector,
    proxies: Proxies,
    guard: Guard,
    /// For all of it.
    timeout: Duration,
}

/// No connection could be made.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("connect to {authority}")]
    Dial {
        authority: Authority,
        #[source]
        source: io::Error,
    },
    #[error("{authority} is in a private network, which this upstream may not lead to")]
    Guarded { authority: Authority },
    #[error("not a URL of a host")]
    NoHost,
    #[error("the proxy {proxy} does not lead to {authority}")]
    Proxy {
        proxy: Authority,
        authority: Authority,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("resolve {}", authority.host())]
    Resolve {
        authority: Authority,
        #[source]
        source: io::Error,
    },
    #[error("the TLS handshake with {authority}")]
    Tls {
        authority: Authority,
        #[source]
        source: io::Error,
    },
    #[error("no connection to {authority} within {within:?}")]
    Timeout {
        authority: Authority,
        within: Duration,
    },
}

impl Connector {
    pub(crate) fn new(
        tls: Arc<ClientConfig>,
        proxies: Proxies,
        guard: Guard,
        timeout: Duration,
    ) -> Self {
        let tls = TlsConnector::from(tls);
        Self(Arc::new(Ways {
            tls,
            proxies,
            guard,
            timeout,
        }))
    }

    /// What a plain request to `url` must carry for the proxy that it goes through.
    pub(super) fn proxy_login(&self, url: &Uri) -> Option<http::HeaderValue> {
        if url.scheme_str() != Some("http") {
            return None;
        }
        self.0.proxies.of(url)?.login
    }

    async fn connect(self, url: Uri) -> Result<Stream, ConnectError> {
        let authority = Authority::of(&url).ok_or(ConnectError::NoHost)?;
        let within = self.0.timeout;
        match timeout(within, self.0.open(&url, &authority)).await {
            Ok(opened) => opened,
            Err(_) => Err(ConnectError::Timeout { authority, within }),
        }
    }
}

impl Ways {
    async fn open(&self, url: &Uri, authority: &Authority) -> Result<Stream, ConnectError> {
        let is_tls = url.scheme_str() == Some("https");
        let stream = match self.proxies.of(url) {
            None => {
                let allow = |address: &SocketAddr| self.guard.allows(authority, address.ip());
                dial(authority, allow).await?
            }
            Some(_) if !self.guard.allows_unresolved(authority) => {
                let authority = authority.clone();
                return Err(ConnectError::Guarded { authority });
            }
            Some(proxy) if is_tls => self.tunnel(proxy, url, authority).await?,
            Some(proxy) => self.dial_proxy(proxy.url).await?.for_proxy(),
        };
        if is_tls {
            self.encrypt(stream, authority).await
        } else {
            Ok(stream)
        }
    }

    async fn tunnel(
        &self,
        proxy: Proxy,
        url: &Uri,
        authority: &Authority,
    ) -> Result<Stream, ConnectError> {
        let host = Authority::of(&proxy.url).ok_or(ConnectError::NoHost)?;
        let stream = self.dial_proxy(proxy.url.clone()).await?;
        let mut tunnel = Tunnel::new(proxy.url, Once(Some(stream)));
        if let Some(login) = proxy.login {
            tunnel = tunnel.with_auth(login);
        }
        let opened = tunnel.call(url.clone()).await;
        opened.map_err(|source| ConnectError::Proxy {
            proxy: host,
            authority: authority.clone(),
            source: source.into(),
        })
    }

    /// A proxy is of the administrator's own choice and may lie anywhere.
    async fn dial_proxy(&self, url: Uri) -> Result<Stream, ConnectError> {
        let authority = Authority::of(&url).ok_or(ConnectError::NoHost)?;
        let stream = dial(&authority, |_| true).await?;
        if url.scheme_str() == Some("https") {
            self.encrypt(stream, &authority).await
        } else {
            Ok(stream)
        }
    }

    async fn encrypt(&self, stream: Stream, authority: &Authority) -> Result<Stream, ConnectError> {
        let name = ServerName::try_from(authority.host().to_owned());
        let name = name.map_err(|_| ConnectError::NoHost)?;
        let encrypted = self.tls.connect(name, TokioIo::new(stream)).await;
        encrypted
            .map(Stream::tls)
            .map_err(|source| ConnectError::Tls {
                authority: authority.clone(),
                source,
            })
    }
}

/// Connects to the first address that answers, of those that are allowed.
async fn dial(
    authority: &Authority,
    allow: impl Fn(&SocketAddr) -> bool,
) -> Result<Stream, ConnectError> {
    let resolved = lookup_host((authority.host(), authority.port())).await;
    let resolved: Vec<_> = resolved
        .map_err(|source| ConnectError::Resolve {
            authority: authority.clone(),
            source,
        })?
        .collect();
    let allowed: Vec<_> = resolved.iter().copied().filter(allow).collect();
    if allowed.is_empty() && !resolved.is_empty() {
        let authority = authority.clone();
        return Err(ConnectError::Guarded { authority });
    }
    let mut failed = io::ErrorKind::NotFound.into();
    for (left, address) in (0..allowed.len()).rev().zip(&allowed) {
        let connecting = TcpStream::connect(address);
        let connected = if left == 0 {
            connecting.await
        } else {
            let tried = timeout(ONE_OF_MANY, connecting).await;
            tried.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match connected {
            Ok(stream) => {
                // Requests are small and wait for their answers.
                drop(stream.set_nodelay(true));
                return Ok(Stream::tcp(stream));
            }
            Err(error) => failed = error,
        }
    }
    Err(ConnectError::Dial {
        authority: authority.clone(),
        source: failed,
    })
}

/// The error is shared: hyper keeps it, and whoever asked wants it.
impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Arc<ConnectError>;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Arc<ConnectError>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Arc<ConnectError>>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connecting = self.clone().connect(url);
        Box::pin(async move { connecting.await.map_err(Arc::new) })
    }
}

/// A connection that is there already, for the tunnel that asks for one.
struct Once(Option<Stream>);

impl Service<Uri> for Once {
    type Response = Stream;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self
            .0
            .take()
            .ok_or_else(|| io::ErrorKind::NotConnected.into());
        std::future::ready(stream)
    }
}
