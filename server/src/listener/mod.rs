//! Listeners: accept connections and hand each to a task of its own.
//!
//! Owns how many connections there are and what happens when the system has no room for another. What
//! is done with one is in `connection/`, when it is given up over HTTP/2 in `movement.rs`, how files are
//! sent without TLS in `sendfile/`, where sockets come from in `bind.rs`. Invariant: accepting never waits for a client.

mod bind;
mod connection;
mod movement;
mod sendfile;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use roadstead_certs::ServerTls;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, debug_span, warn};

use crate::http::{Peer, Service};
use crate::listener::connection::Connection;
use crate::shutdown::Tasks;
use crate::telemetry::Metrics;

pub(crate) use self::bind::{bind, max_connections};

/// How long accepting rests when the system has no file descriptors or memory left.
const EXHAUSTED: Duration = Duration::from_millis(250);

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
                    // All that is said of a connection itself is for debugging, and requests have spans
                    // of their own.
                    let span = debug_span!("connection", peer = %address, tls = peer.tls);
                    let connection = Connection {
                        peer,
                        tls: self.tls.clone(),
                        service: shared.service.clone(),
                        tasks: shared.tasks.clone(),
                        stop: stop.clone(),
                    };
                    let present = shared.metrics.connection();
                    let serving = async move {
                        connection.serve(stream).await;
                        drop((permit, present));
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

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_the_loss_of_one_connection_lets_accepting_go_on_at_once() {
        assert!(is_of_one_connection(
            &io::ErrorKind::ConnectionAborted.into()
        ));
        assert!(!is_of_one_connection(&Errno::MFILE.into()));
        assert!(!is_of_one_connection(&Errno::NOMEM.into()));
    }
}
