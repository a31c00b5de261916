//! The registry server: HTTP, login, commands, composition.
//!
//! The top floor of the house. [`cli::main`] is all the binary calls; everything below is read from
//! `serve.rs`, the one place where the parts are put together. An import only ever points down:
//! commands, composition, listener, HTTP, registry, administration, jobs, upkeep, upstreams, login,
//! configuration.

mod admin;
mod auth;
pub mod cli;
mod cluster;
mod config;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod jobs;
mod listener;
mod registry;
mod report;
mod serve;
mod shutdown;
mod stall;
mod systemd;
mod telemetry;
mod upkeep;
mod upstreams;
