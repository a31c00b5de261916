//! Manifests and tags from memory, and how they come to be there.
//!
//! What is at hand is given without waiting, without a look at the disk and from any thread. What is not is
//! read from the files, on the blocking pool, and is at hand from then on. Each reading begins with asking
//! for the moment, so that nothing is taken for current that was changed while it was read.

use std::sync::Arc;

use tracing::warn;

use super::files::{Files, Found};
use super::memory::Held;
use super::stored::{Record, Stored, TagState};
use super::{Repo, Shared};
use crate::error::Error;
use crate::oci::{Reference, RepoName, Tag};
use crate::record::Origin;
use crate::rehash::is_loss;
use crate::repo_locks::Still;

/// A manifest that is in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AtHand(Arc<Held>);

impl AtHand {
    /// The manifest.
    pub fn stored(&self) -> &Stored {
        &self.0.stored
    }

    pub(super) fn record(&self) -> Record {
        self.0.record()
    }
}

impl Repo {
    /// A manifest, if it need not be read from the disk. To be called within a runtime.
    ///
    /// What it gives is what the repository has: who was told of a change never sees what was before it.
    pub fn at_hand(&self, reference: &Reference) -> Option<AtHand> {
        self.0.shared.at_hand(&self.0.name, reference)
    }
}

impl Shared {
    /// As [`Repo::at_hand`], of one repository of many.
    pub(crate) fn at_hand(
        self: &Arc<Self>,
        name: &RepoName,
        reference: &Reference,
    ) -> Option<AtHand> {
        let now = self.locks.still(name)?;
        let held = self.memory.manifest(name, reference, now)?;
        Files::note_use_of_held(self, name, &held);
        Some(AtHand(held))
    }
}

impl Files {
    pub(super) fn tag_at_hand(&self, tag: &Tag) -> Option<TagState> {
        let Shared { locks, memory, .. } = &*self.shared;
        memory.tag(&self.name, tag, locks.still(&self.name)?)
    }

    pub(super) fn tag(&self, tag: &Tag) -> Result<Option<TagState>, Error> {
        let now = self.shared.locks.still(&self.name);
        let record = self.tag_record(tag)?;
        let state = record.as_ref().map(TagState::from);
        if let (Some(state), Some(now)) = (state, now) {
            self.shared.memory.remember_tag(&self.name, tag, state, now);
        }
        Ok(state)
    }

    pub(super) fn read(&self, reference: &Reference) -> Result<Option<Stored>, Error> {
        let now = self.shared.locks.still(&self.name);
        while let Some(found) = self.find(reference)? {
            let Record { digest, origin, .. } = found.record;
            match self.read_if_kept(digest) {
                Ok(Some(bytes)) => {
                    let stored = Stored::new(digest, found.record.media_type.clone(), bytes);
                    self.remember(reference, &found, &stored, now);
                    return Ok(Some(stored));
                }
                Ok(None) => {}
                Err(error) if is_loss(&error) && origin != Origin::Pushed => {
                    warn!(repo = %self.name, %digest, %error, "Takes a damaged manifest for missing");
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub(super) fn announce(&self, reference: &Reference) -> Result<Option<Record>, Error> {
        let now = self.shared.locks.still(&self.name);
        let Some(found) = self.find(reference)? else {
            return Ok(None);
        };
        let Record {
            digest, media_type, ..
        } = &found.record;
        if let Ok(Some(bytes)) = self.read_if_kept(*digest) {
            let stored = Stored::new(*digest, media_type.clone(), bytes);
            self.remember(reference, &found, &stored, now);
        }
        Ok(Some(found.record))
    }

    /// Keeps at hand what was read after a moment, if there was one.
    fn remember(&self, reference: &Reference, found: &Found, stored: &Stored, at: Option<Still>) {
        let (name, memory) = (&self.name, &self.shared.memory);
        let Some(at) = at else {
            return;
        };
        if let (Reference::Tag(tag), Some(named)) = (reference, found.named) {
            memory.remember_tag(name, tag, named, at);
        }
        let held = Held::new(stored.clone(), found.record.origin, found.noted);
        memory.remember_manifest(name, held, at);
    }
}
