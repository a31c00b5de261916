//! The promises of the `certs` crate, seen from outside: files, issuing, rotation, serving.
//!
//! Time is an argument everywhere, so these tests live in the year 2030 and move it as they like.
//! Handshakes run in memory, between the real server configuration and a real client.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests fail a test by panicking, as the tests do"
)]

mod authority;
mod bench;
mod crash;
mod files;
mod openssl;
mod own;
mod rotate;
mod server;
mod token;
