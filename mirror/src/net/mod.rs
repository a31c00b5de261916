//! The network as an upstream sees us: where a connection may go, through which proxy, and how an
//! answer is read.
//!
//! Knows HTTP and TLS, nothing of registries. Invariant: no connection is made to an address that the
//! upstream's [`Guard`] does not allow, whatever name led there.

mod address;
mod answer;
mod connect;
mod failure;
mod guard;
mod host;
mod proxy;
mod redirect;
mod stream;
mod transport;

pub(crate) use self::answer::Answer;
pub(crate) use self::connect::Connector;
pub(crate) use self::failure::Failure;
pub(crate) use self::guard::Guard;
pub use self::host::{Authority, HostPattern, InvalidHost};
pub use self::proxy::Proxies;
pub(crate) use self::redirect::{is_redirect, resolve};
pub use self::transport::Timeouts;
pub(crate) use self::transport::Transport;
