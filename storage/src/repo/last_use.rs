//! When somebody last asked for a manifest: the time of its record.
//!
//! Only what pull-through brought needs it, for that alone may be trimmed. Every pull of an image begins
//! with its manifest, so blobs have no such time of their own. It is noted once an hour at most, after the
//! answer and by nobody who waits; one that is lost in a crash is no loss.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::debug;

use super::Shared;
use super::files::Files;
use super::memory::Held;
use crate::error::Error;
use crate::oci::{Digest, RepoName};
use crate::pool::later;
use crate::record::{ManifestRecord, Origin};
use crate::walk;

/// How old a note gets before the next one.
const NOTE_EVERY: Duration = Duration::from_hours(1);

impl Files {
    /// Somebody asks for a manifest. When that was noted last, which may be now.
    pub(super) fn note_use(&self, digest: Digest, record: &ManifestRecord) -> SystemTime {
        let now = self.shared.config.clock.now();
        if !is_noted(&self.shared, record.origin) {
            return now;
        }
        let last = self.last_use(digest, record).ok();
        let is_recent = |last| {
            now.duration_since(last)
                .is_ok_and(|since| since < NOTE_EVERY)
        };
        if let Some(last) = last.filter(|last| is_recent(*last)) {
            return last;
        }
        self.note_later(digest, now);
        now
    }

    /// As [`note_use`](Self::note_use), of one that is in memory.
    pub(super) fn note_use_of_held(shared: &Arc<Shared>, name: &RepoName, held: &Held) {
        if !is_noted(shared, held.origin) {
            return;
        }
        let now = shared.config.clock.now();
        if held.takes_note(now, NOTE_EVERY) {
            let files = Self::new(Arc::clone(shared), name.clone());
            files.note_later(held.stored.digest, now);
        }
    }

    fn note_later(&self, digest: Digest, now: SystemTime) {
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

/// Whether it matters, and can be noted, when somebody asks for what came so.
fn is_noted(shared: &Shared, origin: Origin) -> bool {
    origin == Origin::PulledThrough && shared.disk.broken().is_none()
}
