//! Space: how much the store takes, and whether it may take more.
//!
//! There are two limits: what all blobs, uploads and fetches take together, and what of the disk has to stay
//! free. Who adds bytes does it through [`Space::fill`], which refuses before a byte is written; bytes
//! on their way count, so that many who add at once cannot overshoot together. Who takes bytes away, or
//! gives a file another name, does it through [`Space::follow`].
//!
//! Before a limit is reached the store is [tight](Space::until_tight), and who makes room is told; what is
//! refused all the same is [taken into account](Space::take_excess) there.
//!
//! Invariant: once counted, `used` is the length of all files that were followed or filled. They are
//! counted once, before the first change, and never walked through again.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::capacity::Capacity;
use crate::config::{Config, KeepFree};
use crate::error::{Error, Limit};
use crate::layout::Layout;
use crate::pool::blocking;
use crate::walk;
use crate::water;

/// How long an answer of the disk is good, corrected by what was added since.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// What the store takes and what is left for it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// What all blobs and uploads take; counted only where there is a limit.
    pub used: Option<u64>,
    /// What they may take.
    pub max_size: Option<u64>,
    /// What of the disk is free.
    pub free: u64,
    /// What of the disk has to stay free.
    pub keep_free: u64,
}

/// The limits of a store, and how near it is to them.
pub(crate) struct Space {
    layout: Layout,
    max_size: Option<u64>,
    keep_free: KeepFree,
    probe: Box<dyn Fn() -> Result<Capacity, Error> + Send + Sync>,
    state: Mutex<State>,
    /// Held while the files are counted.
    counting: Arc<tokio::sync::Mutex<()>>,
    tight: Notify,
    /// How many times somebody has been through with making room.
    trims: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes in files; `None` until they are counted.
    used: Option<u64>,
    /// Bytes that may be written at any moment, or have just been.
    reserved: u64,
    /// The most bytes that were refused at once since somebody last asked what has to go.
    refused: u64,
    probed: Option<Probed>,
}

/// What was free when the disk was asked, less what was added since or is on its way.
#[derive(Debug, Clone, Copy)]
struct Probed {
    at: Instant,
    total: u64,
    free: u64,
    keep: u64,
}

impl Space {
    pub(crate) fn new(config: &Config, layout: Layout) -> Self {
        let root = layout.root().to_owned();
        Self::probed_by(config, layout, move || Capacity::of(&root))
    }

    fn probed_by(
        config: &Config,
        layout: Layout,
        probe: impl Fn() -> Result<Capacity, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            layout,
            max_size: config.max_size,
            keep_free: config.keep_free,
            probe: Box::new(probe),
            state: Mutex::default(),
            counting: Arc::default(),
            tight: Notify::new(),
            trims: watch::Sender::default(),
        }
    }

    /// Waits until it is known what the store takes. To be awaited before anything that fills or
    /// follows. Cancel safe: a count that was begun goes on.
    pub(crate) async fn counted(self: &Arc<Self>) -> Result<(), Error> {
        if self.is_counted() {
            return Ok(());
        }
        let alone = Arc::clone(&self.counting).lock_owned().await;
        if self.is_counted() {
            return Ok(());
        }
        let space = Arc::clone(self);
        blocking(move || {
            let _alone = alone;
            let used = space.count()?;
            space.state().used = Some(used);
            Ok(())
        })
        .await
    }

    /// Refuses when the store is at a limit already.
    pub(crate) fn check(self: &Arc<Self>) -> Result<(), Error> {
        Reserved::none(self).grow_to(0)
    }

    /// Makes a change that adds up to `bytes` to the file, if there is room for them. Nobody else may
    /// change the file meanwhile.
    pub(crate) fn fill<T>(
        self: &Arc<Self>,
        path: &Path,
        bytes: u64,
        write: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        Reserved::none(self).fill(path, bytes, write)
    }

    /// Makes a change that takes no more room than there was: files are cut, removed, or get another
    /// name. Nobody else may change them meanwhile.
    pub(crate) fn follow<T>(&self, paths: &[&Path], change: impl FnOnce() -> T) -> T {
        let lengths = || paths.iter().map(|path| length(path)).sum();
        let before = lengths();
        let changed = change();
        self.state().resize(before, lengths());
        changed
    }

    /// How near the store is to its limits.
    pub(crate) fn usage(&self) -> Result<Usage, Error> {
        let mut state = self.state();
        let Probed { free, keep, .. } = *self.disk(&mut state)?;
        Ok(Usage {
            used: state.used,
            max_size: self.max_size,
            free,
            keep_free: keep,
        })
    }

    /// Waits until the store is near a limit, or beyond. One who waits is told of it, however long ago
    /// it began.
    pub(crate) async fn until_tight(&self) {
        self.tight.notified().await;
    }

    /// How many bytes have to go until the store is at ease again; none unless it is tight. What was
    /// refused is taken into account once.
    pub(crate) fn take_excess(&self) -> Result<u64, Error> {
        let mut state = self.state();
        let excess = self.excess_of(&mut state);
        state.refused = 0;
        excess
    }

    /// Somebody is through with making room.
    pub(crate) fn end_trim(&self) {
        self.trims.send_modify(|count| *count += 1);
    }

    /// Asks for room to be made, and waits until somebody is through with that.
    pub(crate) async fn until_trimmed(&self) {
        let mut trims = self.trims.subscribe();
        self.tight.notify_one();
        // The sender is here as long as this is.
        let _ = trims.changed().await;
    }

    fn reserve(&self, bytes: u64) -> Result<(), Error> {
        let mut state = self.state();
        let reserved = self.reserve_of(&mut state, bytes);
        if reserved.is_err() {
            state.refused = state.refused.max(bytes);
        }
        if self.excess_of(&mut state)? > 0 {
            self.tight.notify_one();
        }
        reserved
    }

    fn reserve_of(&self, state: &mut State, bytes: u64) -> Result<(), Error> {
        if let (Some(max_size), Some(used)) = (self.max_size, state.used) {
            let used = used.saturating_add(state.reserved);
            if used.saturating_add(bytes) > max_size {
                let limit = Limit::MaxSize { used, max_size };
                return Err(Error::OverQuota { limit });
            }
        }
        let disk = self.disk(state)?;
        let (free, keep) = (disk.free, disk.keep);
        if free < keep.saturating_add(bytes) {
            let limit = Limit::KeepFree { free, keep };
            return Err(Error::OverQuota { limit });
        }
        disk.free -= bytes;
        state.reserved += bytes;
        Ok(())
    }

    fn excess_of(&self, state: &mut State) -> Result<u64, Error> {
        let Probed {
            total, free, keep, ..
        } = *self.disk(state)?;
        let disk = water::above_disk(free, keep, state.refused, total);
        let store = match (self.max_size, state.used) {
            (Some(max_size), Some(used)) => {
                let used = used.saturating_add(state.reserved);
                water::above_store(used, state.refused, max_size)
            }
            _ => 0,
        };
        Ok(disk.max(store))
    }

    /// What the disk said of late.
    fn disk<'a>(&self, state: &'a mut State) -> Result<&'a mut Probed, Error> {
        let recent = state
            .probed
            .filter(|probed| probed.at.elapsed() < PROBE_EVERY);
        let probed = if let Some(probed) = recent {
            probed
        } else {
            let Capacity { total, free } = (self.probe)()?;
            Probed {
                at: Instant::now(),
                total,
                free: free.saturating_sub(state.reserved),
                keep: self.keep_free.bytes_of(total),
            }
        };
        Ok(state.probed.insert(probed))
    }

    fn is_counted(&self) -> bool {
        self.max_size.is_none() || self.state().used.is_some()
    }

    fn count(&self) -> Result<u64, Error> {
        let blobs = walk::blobs(&self.layout.blobs())?.into_iter();
        let uploads = walk::names(&self.layout.uploads(), |name| name.parse::<Uuid>().ok())?;
        let files = blobs.map(|digest| self.layout.blob(&digest));
        let files = files.chain(uploads.into_iter().map(|id| self.layout.upload_data(id)));
        let fetches = walk::digests(&self.layout.fetches())?.into_iter();
        let files = files.chain(fetches.map(|digest| self.layout.fetch_data(&digest)));
        files
            .map(|path| Ok(walk::metadata(&path)?.map_or(0, |metadata| metadata.len())))
            .sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Space")
            .field("max_size", &self.max_size)
            .field("keep_free", &self.keep_free)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl State {
    fn resize(&mut self, before: u64, after: u64) {
        if let Some(used) = &mut self.used {
            *used = used.saturating_add(after).saturating_sub(before);
        }
    }
}

/// Bytes that somebody is about to write; what is not written is free again when this is dropped.
pub(crate) struct Reserved {
    space: Arc<Space>,
    bytes: u64,
}

impl Reserved {
    /// No room yet.
    pub(crate) fn none(space: &Arc<Space>) -> Self {
        Self {
            space: Arc::clone(space),
            bytes: 0,
        }
    }

    /// Keeps room for so many bytes, if there is; what was kept before is part of that.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> Result<(), Error> {
        let more = bytes.saturating_sub(self.bytes);
        self.space.reserve(more)?;
        self.bytes += more;
        Ok(())
    }

    /// As [`Space::fill`], in the room that is kept, and in more if that is too little.
    pub(crate) fn fill<T>(
        &mut self,
        path: &Path,
        bytes: u64,
        write: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.bytes < bytes {
            self.grow_to(bytes)?;
        }
        let before = length(path);
        let written = write();
        self.settle(before, length(path));
        written
    }

    /// The file had `before` bytes and has `after` now.
    fn settle(&mut self, before: u64, after: u64) {
        let mut state = self.space.state();
        let written = after.saturating_sub(before).min(self.bytes);
        state.reserved -= written;
        self.bytes -= written;
        state.resize(before, after);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut state = self.space.state();
        state.reserved -= self.bytes;
        if let Some(disk) = &mut state.probed {
            disk.free = disk.free.saturating_add(self.bytes);
        }
    }
}

impl std::fmt::Debug for Reserved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reserved").field(&self.bytes).finish()
    }
}

/// A file that is not there is empty. One that cannot be looked at is on a disk that takes nothing more.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A disk of 1000 bytes of which `free` are free, and how often it was asked.
    fn space(dir: &Path, free: u64, keep_free: KeepFree) -> (Arc<Space>, Arc<AtomicU64>) {
        let mut config = Config::new(dir);
        config.keep_free = keep_free;
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let probe = move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Capacity { total: 1000, free })
        };
        let layout = Layout::new(dir.to_owned());
        (Arc::new(Space::probed_by(&config, layout, probe)), asked)
    }

    fn fill(space: &Arc<Space>, path: &Path, bytes: usize) -> Result<(), Error> {
        space.fill(path, bytes as u64, || {
            let written = fs::write(path, vec![0; bytes]);
            written.map_err(|source| Error::io("write", path, source))
        })
    }

    #[test]
    fn bytes_on_their_way_and_bytes_written_since_the_disk_was_asked_count() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (space, _) = space(dir.path(), 160, KeepFree::Bytes(60));
        let on_its_way = dir.path().join("a");
        space
            .fill(&on_its_way, 70, || {
                let refused = fill(&space, &dir.path().join("b"), 31);
                assert!(
                    matches!(
                        refused,
                        Err(Error::OverQuota {
                            limit: Limit::KeepFree { free: 90, keep: 60 }
                        })
                    ),
                    "{refused:?}"
                );
                fill(&space, &dir.path().join("b"), 30)
            })
            .expect("there is room for both");
        assert!(fill(&space, &dir.path().join("c"), 71).is_err());
        // The first one took 70 bytes and wrote none of them.
        fill(&space, &dir.path().join("c"), 70).expect("they are free again");
        space.check().expect("it is at the limit, not beyond");
        assert!(fill(&space, &dir.path().join("d"), 1).is_err());
    }

    #[test]
    fn the_disk_is_not_asked_for_every_write() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (space, asked) = space(dir.path(), 100, KeepFree::Percent(5));
        for _ in 0..1000 {
            space.check().expect("there is room");
        }
        assert!(asked.load(Ordering::Relaxed) < 100);
        assert_eq!(space.usage().expect("says").keep_free, 50);
    }

    #[test]
    fn a_disk_below_the_floor_takes_nothing_not_even_a_beginning() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (space, _) = space(dir.path(), 49, KeepFree::Percent(5));
        assert!(matches!(space.check(), Err(Error::OverQuota { .. })));
    }
}
