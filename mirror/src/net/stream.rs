//! A connection, whatever it goes through: TCP, TLS, TLS through a proxy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Bytes that come and go.
trait Transfer: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Transfer for T {}

/// An open connection.
pub(crate) struct Stream {
    inner: Box<dyn Transfer>,
    /// Whether both sides agreed on HTTP/2.
    is_h2: bool,
    /// Whether a proxy wants to read the requests itself.
    is_proxied: bool,
}

impl Stream {
    pub(super) fn tcp(stream: TcpStream) -> Self {
        Self {
            inner: Box::new(TokioIo::new(stream)),
            is_h2: false,
            is_proxied: false,
        }
    }

    pub(super) fn tls(stream: TlsStream<TokioIo<Self>>) -> Self {
        let (_, session) = stream.get_ref();
        Self {
            is_h2: session.alpn_protocol() == Some(b"h2"),
            is_proxied: false,
            inner: Box::new(TokioIo::new(stream)),
        }
    }

    /// The same connection, on which requests name the whole URL (RFC 9112 section 3.2.2).
    pub(super) fn for_proxy(mut self) -> Self {
        self.is_proxied = true;
        self
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_proxied);
        if self.is_h2 {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
