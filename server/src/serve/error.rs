//! Why there is no registry, or no longer one.
//!
//! One variant per step of the start. Each says what was attempted; the cause says why, down to the
//! file or the port, for these go to the person who started the process and to nobody else.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::admin::socket;
use crate::auth::users;
use crate::config;
use crate::shutdown::WorkerPanicked;
use crate::upstreams::{Untrustworthy, Unusable};

/// Why there is no registry.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The admin socket.
    #[error("open the admin socket")]
    Admin {
        /// What the socket said.
        source: socket::Error,
    },
    /// A port that is taken, or an address this machine does not have.
    #[error("listen on {address}")]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The CA, the server certificate or the token key.
    #[error("open the certificates")]
    Certificates {
        /// Which, and why.
        source: roadstead_certs::Error,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// An upstream.
    #[error("make the upstreams ready")]
    Upstream(#[from] Unusable),
    /// By what releases are judged.
    #[error("make ready to judge releases")]
    ReleaseTrust(#[from] Untrustworthy),
    /// The check of passwords.
    #[error("make the login ready")]
    Login {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The signals of the process.
    #[error("listen for signals")]
    Signals {
        /// What the system said.
        source: io::Error,
    },
    /// A bound socket that does not know where.
    #[error("look at the bound sockets")]
    Sockets {
        /// What the system said.
        source: io::Error,
    },
    /// The store.
    #[error("open the store")]
    Store {
        /// What it said.
        source: roadstead_storage::Error,
    },
    /// The accounts.
    #[error("open the accounts")]
    Users {
        /// Why.
        source: users::Error,
    },
    /// A part of the process is gone.
    #[error("keep running")]
    Worker {
        /// Which.
        source: WorkerPanicked,
    },
}
