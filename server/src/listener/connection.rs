//! One connection: shake hands, speak what was agreed on, let go when the process stops.
//!
//! Owns the clocks and limits of a connection. What is spoken is settled by the handshake (ALPN), and
//! is HTTP/1.1 without one; nothing sniffs, for a sniffer has no timeout. Invariant: a client that
//! stalls, in a handshake, a head, a body or while it is sent an answer, is let go after a while.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use roadstead_certs::ServerTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::http::{Observed, Peer, Service};
use crate::report::chain;
use crate::shutdown::Tasks;
use crate::stall::Stalling;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and be idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long an HTTP/2 connection may be without a new request; requests underway still finish.
const IDLE: Duration = Duration::from_mins(5);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_mins(1);
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
/// One accepted connection.
pub(super) struct Connection {
    /// The other end, and whether it speaks TLS.
    pub(super) peer: Peer,
    /// What to shake hands with, if anything.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// Answers its requests.
    pub(super) service: Service,
    /// Runs its requests where they run side by side.
    pub(super) tasks: Tasks,
    /// Says when to take no further request.
    pub(super) stop: CancellationToken,
}

impl Connection {
    /// Serves it to its end.
    pub(super) async fn serve(self, stream: TcpStream) {
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
        self.drive(connection, pending(), http1::Connection::graceful_shutdown)
            .await;
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = self.service.clone();
        let peer = self.peer;
        let (asked, mut requests) = watch::channel(());
        let answer = move |request| {
            asked.send_replace(());
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
        // HTTP/1.1 has its clock on the next head; here a connection could be kept for ever by
        // nothing but answers to our pings.
        let idle = async move { while let Ok(Ok(())) = timeout(IDLE, requests.changed()).await {} };
        self.drive(connection, idle, http2::Connection::graceful_shutdown)
            .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Observed>, Infallible> {
        Ok(self.service.answer(self.peer, request).await)
    }

    /// Runs a connection to its end; once told to stop, or idle, it takes no further request.
    async fn drive<C>(
        &self,
        connection: C,
        idle: impl Future<Output = ()>,
        wind_down: impl FnOnce(Pin<&mut C>),
    ) where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.stop.cancelled() => None,
            () = idle => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            wind_down(connection.as_mut());
            connection.await
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
