//! What the README states and no ordinary test can show: measured, or watched from outside.
//!
//! `tests/proof/run` runs them one after the other against the release binary.

mod disk;
mod many_tags;
mod memory;
mod openshift;
mod order;
mod pull_through;
mod renewal;
mod restore;
mod trace;
