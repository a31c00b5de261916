//! When somebody last asked for a manifest: the time of its record.
//!
//! Only what pull-through brought needs it, for that alone may be trimmed. Every pull of an image begins
//! with its manifest, so blobs have no such time of their own. It is noted once an hour at most, after the
//! answer and by nobody who waits; one that is lost in a crash is no loss.

use std::time::{Duration, SystemTime};

use tracing::debug;

use super::files::Files;
use crate::error::Error;
use crate::oci::Digest;
use crate::pool::later;
use crate::record::{ManifestRecord, Origin};
use crate::walk;

/// How old a note gets before the next one.
const NOTE_EVERY: Duration = Duration::from_hours(1);

impl Files {
    /// Somebody asks for a manifest.
    pub(super) fn note_use(&self, digest: Digest, record: &ManifestRecord) {
        let disk = &self.shared.disk;
        if record.origin != Origin::PulledThrough || disk.broken().is_some() {
            return;
        }
        let now = self.shared.config.clock.now();
        let is_recent = self.last_use(digest, record).is_ok_and(|last| {
            now.duration_since(last)
                .is_ok_and(|since| since < NOTE_EVERY)
        });
        if is_recent {
            return;
        }
        let files = self.clone();
        later(move || {
            let path = files.layout.manifest(&digest);
            if let Err(error) = files.shared.disk.touch(&path, now) {
                debug!(path = %path.display(), %error, "Could not note that a manifest was used");
            }
        });
    }

    /// When somebody last asked for a manifest, or, if nobody did, when it came.
    pub(crate) fn last_use(
        &self,
        digest: Digest,
        record: &ManifestRecord,
    ) -> Result<SystemTime, Error> {
        let path = self.layout.manifest(&digest);
        let noted = walk::metadata(&path)?.and_then(|file| file.modified().ok());
        let stored_at = record.stored_at.into();
        Ok(noted.map_or(stored_at, |noted| noted.max(stored_at)))
    }
}
