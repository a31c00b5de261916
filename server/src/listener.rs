//! Connections: accept, shake hands, serve, and let go when the process stops.
//!
//! Owns the clocks and limits of a connection. What is spoken is settled by the handshake (ALPN), and
//! HTTP/1.1 without one; nothing sniffs, for a sniffer has no timeout. It knows nothing of what is
//! asked. Invariant: a client that stalls anywhere costs one connection for a bounded time, and
//! never holds the next one up.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use roadstead_certs::ServerTls;
use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info_span, warn};

use crate::http::{Peer, Service};
use crate::report::chain;
use crate::shutdown::Tasks;
use crate::stall::Stalling;
use crate::telemetry::Metrics;

/// Connections that wait for us to accept them.
const BACKLOG: u32 = 1024;
/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and be idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_secs(60);
/// What hyper reads, and gathers of an answer, at once.
const BUFFER: usize = 128 * 1024;
/// Requests of one HTTP/2 connection at a time.
const STREAMS: u32 = 128;
/// Names and values of one request's head; tokens that name many repositories are long.
const HEAD_BYTES: u32 = 64 * 1024;
/// What a client may send on one HTTP/2 stream, and on the whole connection, before we have read it.
/// Fixed and not adaptive, for what may be underway is what may be in memory.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Connections at a time, where the system allows as many.
const CONNECTIONS: usize = 16 * 1024;
/// How long accepting rests when the system has no file descriptors or memory left.
const EXHAUSTED: Duration = Duration::from_millis(250);

/// How many connections may be open at a time: a third of the file descriptors there are, since each
/// may read one file and write another. Raises the process's limit as far as it may be raised.
pub(crate) fn max_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let descriptors = granted.and_then(|granted| usize::try_from(granted).ok());
    descriptors.map_or(CONNECTIONS, |descriptors| {
        (descriptors / 3).clamp(1, CONNECTIONS)
    })
}

/// A bound socket and what is spoken on it.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerTls>>,
}

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Answers the requests.
    pub(crate) service: Service,
    /// One permit per connection.
    pub(crate) connections: Arc<Semaphore>,
    /// Counts connections.
    pub(crate) metrics: Metrics,
    /// Runs them.
    pub(crate) tasks: Tasks,
}

/// Binds `address`. The unspecified IPv6 address also takes IPv4 if `with_ipv4` says so, and stands
/// for the IPv4 one on a machine without IPv6.
///
/// # Errors
/// When the system refuses, as when the port is taken.
pub(crate) fn bind(address: SocketAddr, with_ipv4: bool) -> io::Result<TcpListener> {
    match bind_exactly(address, with_ipv4) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && has_no_ipv6(&error) => {
            bind_exactly((Ipv4Addr::UNSPECIFIED, address.port()).into(), false)
        }
        bound => bound,
    }
}

fn bind_exactly(address: SocketAddr, with_ipv4: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        let socket = TcpSocket::new_v6()?;
        set_ipv6_v6only(&socket, !with_ipv4)?;
        socket
    } else {
        TcpSocket::new_v4()?
    };
    // Connections of the last run that linger must not keep this one from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the machine does not know IPv6, or has it switched off.
fn has_no_ipv6(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

impl Listener {
    /// Serves on a bound socket: TLS with `tls`, else plain HTTP.
    ///
    /// # Errors
    /// When the system does not tell the socket's address.
    pub(crate) fn new(socket: TcpListener, tls: Option<Arc<ServerTls>>) -> io::Result<Self> {
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            tls,
        })
    }

    /// Where it is bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is bound, as a person or a script is told.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Accepts connections until the tasks are told to stop.
    ///
    /// # Cancel safety
    /// Safe: the connections run as tasks of their own.
    pub(crate) async fn serve(self, shared: Shared) {
        let stop = shared.tasks.stopping();
        // Whoever waits for a free place or a new connection waits no longer when we stop.
        stop.run_until_cancelled(self.accept(&shared, &stop)).await;
    }

    async fn accept(&self, shared: &Shared, stop: &CancellationToken) {
        loop {
            let permit = Arc::clone(&shared.connections).acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            match self.socket.accept().await {
                Ok((stream, address)) => {
                    let peer = Peer {
                        address,
                        tls: self.tls.is_some(),
                    };
                    let span = info_span!("connection", peer = %address, tls = peer.tls);
                    let connection = Connection {
                        peer,
                        tls: self.tls.clone(),
                        service: shared.service.clone(),
                        tasks: shared.tasks.clone(),
                        stop: stop.clone(),
                    };
                    let present = shared.metrics.connection();
                    let serving = async move {
                        connection.serve(stream, permit).await;
                        drop(present);
                    };
                    shared.tasks.spawn(serving.instrument(span));
                }
                Err(error) if is_of_one_connection(&error) => {
                    debug!(%error, "A connection was gone before it was accepted");
                }
                Err(error) => {
                    warn!(%error, "Accepting rests");
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }
}

/// Whether an error of accept(2) tells only of the connection that was next.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
    )
}

/// One accepted connection.
struct Connection {
    peer: Peer,
    tls: Option<Arc<ServerTls>>,
    service: Service,
    tasks: Tasks,
    stop: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, _permit: OwnedSemaphorePermit) {
        // Without it the last bytes of an answer wait for an acknowledgement. A socket that refuses
        // is about to fail anyway.
        let _ = stream.set_nodelay(true);
        let stream = Stalling::new(stream, STALL);
        let Some(tls) = &self.tls else {
            return self.http1(stream).await;
        };
        // Asked for each connection, so that a renewed certificate counts from the next one on.
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        let handshake = self
            .stop
            .run_until_cancelled(timeout(HANDSHAKE, handshake))
            .await;
        match handshake {
            None => {}
            Some(Err(_)) => debug!("A handshake took too long"),
            Some(Ok(Err(error))) => debug!(%error, "A handshake failed"),
            Some(Ok(Ok(stream))) => {
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    self.http2(stream).await;
                } else {
                    self.http1(stream).await;
                }
            }
        }
    }

    async fn http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(|request| self.answer(request)),
            );
        self.drive(connection, |connection| connection.graceful_shutdown())
            .await;
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = self.service.clone();
        let peer = self.peer;
        let answer = move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.answer(peer, request).await) }
        };
        let connection = http2::Builder::new(Streams(self.tasks.clone()))
            .timer(TokioTimer::new())
            .keep_alive_interval(HEAD)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        self.drive(connection, |connection| connection.graceful_shutdown())
            .await;
    }

    async fn answer(
        &self,
        request: http::Request<hyper::body::Incoming>,
    ) -> Result<http::Response<crate::http::Observed>, Infallible> {
        Ok(self.service.answer(self.peer, request).await)
    }

    /// Runs a connection to its end; once told to stop, it takes no further request.
    async fn drive<C>(&self, connection: C, wind_down: impl FnOnce(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                wind_down(connection.as_mut());
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(error = %chain(&error), "A connection ended early");
        }
    }
}

/// Runs the requests of HTTP/2 connections, which hyper splits into tasks.
#[derive(Clone)]
struct Streams(Tasks);

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
