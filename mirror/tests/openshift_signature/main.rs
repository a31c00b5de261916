//! The promises of collecting signatures, seen from outside: against stores that misbehave on order, over
//! real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests fail a test by panicking, as the tests do"
)]

mod lab;
mod place;
mod store;
mod trouble;
