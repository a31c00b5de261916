//! How far long work has come, and whether it shall stop: what collection, scrub and the like share.
//!
//! Knows nothing of the work itself. Whoever asked for it passes a callback, called often and from the
//! thread that works, and a flag that ends the work at its next step.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::error::Error;

/// How far work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// How much is done, in the unit of the phase.
    pub done: u64,
    /// How much there is, where that is known.
    pub total: Option<u64>,
}

/// What long work does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// Collection reads manifests.
    Mark,
    /// Collection takes blobs away.
    Sweep,
    /// Scrub reads blobs, in bytes.
    Hash,
    /// Scrub checks repositories.
    Check,
    /// The index is built anew from repositories.
    Index,
    /// A backup copies blobs, in bytes.
    Copy,
    /// A backup copies repositories.
    Names,
}

/// Ends work that shall stop.
pub(crate) fn check_stop(stop: &AtomicBool) -> Result<(), Error> {
    if stop.load(Ordering::Relaxed) {
        Err(Error::Stopped)
    } else {
        Ok(())
    }
}
