//! One connection: shake hands, speak what was agreed on, let go when the process stops.
//!
//! Owns the clocks and limits of a connection. What is spoken is settled by the handshake (ALPN), and
//! is HTTP/1.1 without one; nothing sniffs, for a sniffer has no timeout. Invariant: a client that
//! stalls, in a handshake, a head, a body or while it is sent an answer, is let go after a while; one
//! that is slow is served for as long as it takes.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use roadstead_certs::ServerTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::http::{Peer, Service};
use crate::listener::movement::Movement;
use crate::listener::sendfile;
use crate::report::chain;
use crate::shutdown::Tasks;
use crate::stall::Stalling;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and be idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer. Nor may an HTTP/2 connection be idle for longer,
/// nor take longer to wind down.
const STALL: Duration = Duration::from_mins(1);
/// What hyper reads, and gathers of an answer, at once.
const BUFFER: usize = 128 * 1024;
/// Requests of one HTTP/2 connection at a time: more than clients make, and each may hold a file.
const STREAMS: u32 = 32;
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
        let Self {
            peer,
            tls,
            service,
            tasks,
            stop,
        } = self;
        let answer = move |request| {
            let service = service.clone();
            async move { service.answer(peer, request).await }
        };
        let Some(tls) = tls else {
            let (sender, files) = sendfile::pair(stream);
            let answer = |request| {
                let (answer, files) = (answer(request), files.clone());
                async move { answer.await.map(|body| files.fill(body)) }
            };
            return http1(Stalling::new(sender, STALL), answer, &stop).await;
        };
        let stream = Stalling::new(stream, STALL);
        // Asked for each connection, so that a renewed certificate counts from the next one on.
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        let handshake = stop
            .run_until_cancelled(timeout(HANDSHAKE, handshake))
            .await;
        match handshake {
            None => {}
            Some(Err(_)) => debug!("A handshake took too long"),
            Some(Ok(Err(error))) => debug!(%error, "A handshake failed"),
            Some(Ok(Ok(stream))) => {
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    http2(stream, answer, tasks, &stop).await;
                } else {
                    http1(stream, answer, &stop).await;
                }
            }
        }
    }
}

async fn http1<A, F, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: A,
    stop: &CancellationToken,
) where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Error: Error + Send + Sync + 'static> + 'static,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    drive(
        connection,
        http1::Connection::graceful_shutdown,
        stop,
        pending,
    )
    .await;
}

async fn http2<A, F, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: A,
    tasks: Tasks,
    stop: &CancellationToken,
) where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Send + Unpin + 'static,
{
    let movement = Movement::new();
    let service = service_fn(|request| {
        let debt = movement.owe();
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await.map(|body| debt.settle(body))) }
    });
    let connection = http2::Builder::new(Streams(tasks))
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    // The clocks of HTTP/1.1, on the next head and on a write that waits, are of no use here.
    let ceased = || movement.ceased(STALL);
    drive(
        connection,
        http2::Connection::graceful_shutdown,
        stop,
        ceased,
    )
    .await;
}

/// Runs a connection to its end. Told to stop, or once all has `ceased`, it takes no further request;
/// once all has ceased again, it is given up.
async fn drive<C, F>(
    connection: C,
    wind_down: impl FnOnce(Pin<&mut C>),
    stop: &CancellationToken,
    ceased: impl Fn() -> F,
) where
    C: Future<Output = hyper::Result<()>>,
    F: Future<Output = ()> + Send,
{
    let mut connection = pin!(connection);
    // These are asked when they have something to say, and not with every request.
    let reasons: [BoxFuture<'_, ()>; 2] = [Box::pin(stop.cancelled()), Box::pin(ceased())];
    let mut reasons = FuturesUnordered::from_iter(reasons);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        Some(()) = reasons.next() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        wind_down(connection.as_mut());
        tokio::select! {
            ended = connection => ended,
            () = ceased() => return debug!("A client took nothing of what it asked for"),
        }
    };
    if let Err(error) = ended {
        debug!(error = %chain(&error), "A connection ended early");
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

#[cfg(test)]
mod tests;
