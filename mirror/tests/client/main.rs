//! The promises of the client of an upstream, seen from outside: against a registry that misbehaves
//! on order, over real sockets.
//!
//! Each test is a script of its own: an upstream, what goes wrong with it, what comes of it, and what
//! the upstream was asked.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests fail a test by panicking, as the tests do"
)]

mod blob;
mod lab;
mod listing;
mod location;
mod login;
mod manifest;
mod pace;
mod passing;
mod proxy;
mod realm;
mod redirect;
mod tls;
mod transfer;
