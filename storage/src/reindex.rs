//! Builds the index anew from the files, while changes go on and are taken in.

use tracing::{info, warn};

use crate::error::Error;
use crate::progress::{Phase, Progress};
use crate::repo::Shared;
use crate::walk;

/// Fills an empty index with every repository and what it holds. One at a time: the caller sees to it.
pub(crate) fn rebuild(shared: &Shared, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    if let Err(reason) = shared.index.begin() {
        warn!(reason, "The index cannot be made anew");
        return Err(Error::IndexNotReady);
    }
    let mut done = 0_u64;
    walk::repositories(&shared.layout.repos(), &mut |name| {
        // A removal of the whole repository must not fall between the look and the note.
        let _guard = shared.locks.blocking_lock(&name);
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
    shared.index.finish();
    info!(repositories = done, "Rebuilt the index");
    Ok(())
}
