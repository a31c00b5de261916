//! The configuration: one TOML file and a few flags, checked into values that cannot be wrong.
//!
//! [`Source`] says where it comes from and reads it, [`Config`] is what came out. Each section's
//! grammar lies in a file of its own. Nothing in here knows what is done with a value.

pub(crate) mod address;
mod checked;
pub(crate) mod cron;
pub(crate) mod environment;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod host;
pub(crate) mod invalid;
mod mirroring;
mod source;
mod storage;
mod sync;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod unit;
mod web;

pub(crate) use checked::Config;
pub(crate) use environment::ProxyVariables;
pub(crate) use mirroring::{Release, Upstream};
pub(crate) use source::{Error, Flags, Source};
pub(crate) use sync::{Sync, When};
