//! Talks to other registries, and brings what they have into the store.
//!
//! Knows the store and nothing of serving; the server asks the store first, and this crate for what is
//! not there. Nothing here spawns tasks of its own.

mod client;
mod companion;
mod copy;
mod credentials;
mod error;
mod flight;
pub mod job;
pub mod media;
mod net;
mod note;
pub mod openshift;
mod passing;
mod pull_through;
mod secret;
mod sources;
mod spawn;
mod upstream;

pub use self::client::{BlobStream, Client, Fetched, Patience};
pub use self::credentials::{Credentials, InvalidCredentials};
pub use self::error::{Broken, Error, Retry, Said, Side, Url};
pub use self::net::{Authority, HostPattern, InvalidHost, Proxies, Timeouts};
pub use self::note::{Cause, How, Note, Notes, Reply, What};
pub use self::passing::Passing;
pub use self::pull_through::{Blob, Given, Listing, Place, PullThrough, Stale};
pub use self::sources::{Found, Source, Sources, api_host, default_prefix};
pub use self::spawn::{Spawn, Work};
pub use self::upstream::{InvalidLocation, Location, Upstream};
