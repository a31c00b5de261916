//! The harness: what the tests of the whole registry are written with.
//!
//! It drives the real binary over real sockets and looks at its data directory from outside, so it
//! shares no code with the registry: not its digests, not its paths, not its parsers. A mistake
//! there cannot hide behind the same mistake here.
//!
//! Everything blocks and everything panics with the story so far: a test reads as a script, and
//! runs things side by side with `std::thread::scope`.

mod api;
mod body;
mod chance;
mod client;
mod connection;
mod content;
mod crowd;
mod digest;
mod image;
pub mod layer;
mod layout;
mod load;
pub mod openshift;
mod outcome;
mod peer;
mod process;
mod registry;
mod response;
mod scratch;
mod session;
mod setup;
pub mod tools;
mod transport;
mod truth;
pub mod upstream;

pub use api::with_query;
pub use body::Body;
pub use chance::Chance;
pub use client::{Client, Download, Request};
pub use connection::Connection;
pub use content::Noise;
pub use crowd::Crowd;
pub use digest::{Digest, Hasher};
pub use image::{Format, Image, Manifest, Platform, index_of, media_type};
pub use layout::Holding;
pub use load::pulling;
pub use outcome::Outcome;
pub use peer::Peer;
pub use process::{DEADLINE, Process, binary, eventually};
pub use registry::Registry;
pub use response::Response;
pub use scratch::Scratch;
pub use session::Session;
pub use setup::{Anonymous, Setup};
pub use truth::Truth;
pub use upstream::{At, Fault, Gate, Proxy, Reply, Subject, Upstream};
