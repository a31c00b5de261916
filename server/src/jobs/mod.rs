//! Copying from other registries: once, by command, and again and again, as the configuration says.
//!
//! [`copy`] carries out one order, [`roster`] knows the jobs of the configuration and runs each at most
//! once at a time, [`scheduler`] does so when they are due. What they bring and how is the mirror
//! crate's. Knows nothing of flags, sockets and printing.

pub(crate) mod copy;
pub(crate) mod execution;
mod found;
pub(crate) mod order;
pub(crate) mod progress;
pub(crate) mod record;
pub(crate) mod release;
pub(crate) mod roster;
pub(crate) mod samples;
mod schedule;
pub(crate) mod scheduler;
#[cfg(test)]
mod tests;
pub(crate) mod work;
