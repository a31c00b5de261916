//! Builds the index anew from the files, while changes go on and are taken in.
//!
//! One that does not come to its end, since it was stopped or the files could not be read, leaves an index
//! that is known to be incomplete, and whoever keeps the index is told.

use std::sync::atomic::AtomicBool;

use tracing::{info, warn};

use crate::error::Error;
use crate::progress::{Phase, Progress, check_stop};
use crate::repo::Shared;
use crate::walk;

/// Fills an empty index with every repository and what it holds. One at a time: the caller sees to it.
pub(crate) fn rebuild(
    shared: &Shared,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    check_stop(stop)?;
    if let Err(reason) = shared.index.begin() {
        warn!(reason, "The index cannot be made anew");
        shared.index.distrust();
        return Err(Error::IndexNotReady);
    }
    let repositories = fill(shared, stop, progress).inspect_err(|_| shared.index.distrust())?;
    shared.index.finish();
    info!(repositories, "Rebuilt the index");
    Ok(())
}

/// Adds every repository. How many there are.
fn fill(
    shared: &Shared,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, Error> {
    let mut done = 0;
    walk::repositories(&shared.layout.repos(), &mut |name| {
        check_stop(stop)?;
        // A removal of the whole repository must not fall between the look and the note.
        let _guard = shared.locks.blocking_lock_to_read(&name);
        let layout = shared.layout.repo(&name);
        if walk::is_repository(layout.dir()) {
            shared.index.add_repository(&name);
            for blob in walk::digests(&layout.blobs())? {
                shared.index.add_holder(blob, &name);
            }
            done += 1;
            progress(Progress {
                phase: Phase::Index,
                done,
                total: None,
            });
        }
        Ok(())
    })?;
    Ok(done)
}
