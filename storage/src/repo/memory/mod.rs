//! What was asked for of late, in memory: what tags name, and whole manifests.
//!
//! Nothing has to be told of changes: each entry says at which [moment](Still) it was read, and counts as
//! long as that moment lasts. What is outdated stays until something else needs its room, and is never
//! given. What is not there is never remembered. Knows nothing of files. Invariant: all entries together
//! take no more than the budget, and none of them is there before something was asked for.

use std::hash::RandomState;
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};

use super::stored::{Record, Stored, TagState};
use crate::oci::{Reference, RepoName, Tag};
use crate::record::Origin;
use crate::repo_locks::Still;

/// What all entries may take in bytes.
const BUDGET: u64 = 8 * 1024 * 1024;
/// A manifest larger than this is read from the disk each time.
const MAX_BYTES: u64 = 1024 * 1024;
/// The budget is divided among so many parts, of which each has a lock.
const PARTS: usize = 4;
/// About as many entries as the budget is enough for.
const ENTRIES: usize = 4096;
/// What an entry takes beside its texts: the cache keeps it in a table that may be half empty, with its
/// links and its place there.
const ENTRY: usize = 2 * (size_of::<Key>() + size_of::<Remembered>() + 32);
/// What a manifest takes beside its bytes, with what is [prepared](super::prepared) of it.
const HELD: usize = size_of::<Held>() + 1024;
/// What a shared text takes beside its bytes.
const TEXT: usize = 32;

/// What was asked for of late in all repositories of a store.
#[derive(Debug)]
pub(crate) struct Memory(Cache<Key, Remembered, Weight, RandomState>);

/// A manifest at hand.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) stored: Stored,
    pub(super) origin: Origin,
    /// When it was last noted that somebody asks for it, in seconds since 1970.
    noted: AtomicU64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(RepoName, Reference);

/// A key that is not kept.
#[derive(Hash)]
struct Asked<'a>(&'a RepoName, &'a Reference);

#[derive(Debug, Clone)]
struct Remembered {
    read_at: Still,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Manifest(Arc<Held>),
    Tag(TagState),
}

#[derive(Debug, Clone)]
struct Weight;

impl Default for Memory {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .shards(PARTS)
            .estimated_items_capacity(ENTRIES)
            .weight_capacity(BUDGET)
            .build()
            .expect("both capacities are given");
        // The names are strangers': without a secret they could be chosen to collide.
        let hasher = RandomState::new();
        let lifecycle = DefaultLifecycle::default();
        Self(Cache::with_options(options, Weight, hasher, lifecycle))
    }
}

impl Memory {
    /// What a tag names.
    pub(super) fn tag(&self, name: &RepoName, tag: &Tag, at: Still) -> Option<TagState> {
        match self.get(name, &Reference::Tag(tag.clone()), at)? {
            What::Tag(state) => Some(state),
            What::Manifest(_) => None,
        }
    }

    /// The manifest that a reference leads to.
    pub(super) fn manifest(
        &self,
        name: &RepoName,
        reference: &Reference,
        at: Still,
    ) -> Option<Arc<Held>> {
        match self.get(name, reference, at)? {
            What::Manifest(held) => Some(held),
            What::Tag(TagState { digest, .. }) => {
                self.manifest(name, &Reference::Digest(digest), at)
            }
        }
    }

    /// From now on this is what the tag named at that moment.
    pub(super) fn remember_tag(&self, name: &RepoName, tag: &Tag, state: TagState, at: Still) {
        let reference = Reference::Tag(tag.clone());
        self.insert(name, reference, What::Tag(state), at);
    }

    /// From now on this is a manifest that was there at that moment.
    pub(super) fn remember_manifest(&self, name: &RepoName, held: Held, at: Still) {
        if held.stored.bytes.len() as u64 <= MAX_BYTES {
            let reference = Reference::Digest(held.stored.digest);
            self.insert(name, reference, What::Manifest(Arc::new(held)), at);
        }
    }

    fn get(&self, name: &RepoName, reference: &Reference, at: Still) -> Option<What> {
        let found = self.0.get(&Asked(name, reference))?;
        (found.read_at == at).then_some(found.what)
    }

    fn insert(&self, name: &RepoName, reference: Reference, what: What, read_at: Still) {
        let key = Key(name.clone(), reference);
        self.0.insert(key, Remembered { read_at, what });
    }
}

impl Held {
    pub(super) fn new(stored: Stored, origin: Origin, noted: SystemTime) -> Self {
        Self {
            stored,
            origin,
            noted: AtomicU64::new(seconds(noted)),
        }
    }

    /// What its record says.
    pub(super) fn record(&self) -> Record {
        Record {
            digest: self.stored.digest,
            media_type: self.stored.media_type.clone(),
            size: self.stored.bytes.len() as u64,
            origin: self.origin,
        }
    }

    /// Whether it is time to note again that somebody asks for it. The caller does, then; everybody else
    /// is told no.
    pub(super) fn takes_note(&self, now: SystemTime, every: Duration) -> bool {
        let (now, noted) = (seconds(now), self.noted.load(Ordering::Relaxed));
        let is_recent = now
            .checked_sub(noted)
            .is_some_and(|age| age < every.as_secs());
        let swap = |old| {
            let swapped =
                (self.noted).compare_exchange(old, now, Ordering::Relaxed, Ordering::Relaxed);
            swapped.is_ok()
        };
        !is_recent && swap(noted)
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == key.0 && *self.1 == key.1
    }
}

impl Weighter<Key, Remembered> for Weight {
    fn weight(&self, Key(name, reference): &Key, remembered: &Remembered) -> u64 {
        let tag = match reference {
            Reference::Digest(_) => 0,
            Reference::Tag(tag) => TEXT + tag.as_str().len(),
        };
        let content = match &remembered.what {
            What::Manifest(held) => {
                let Stored {
                    bytes, media_type, ..
                } = &held.stored;
                HELD + 2 * TEXT + bytes.len() + media_type.as_str().len()
            }
            What::Tag(_) => 0,
        };
        (ENTRY + TEXT + name.as_str().len() + tag + content) as u64
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
