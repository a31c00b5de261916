//! What looks after an open store: collection, trimming, backup, scrub.
//!
//! Each runs on the blocking pool beside everything else, and says here who has to wait for whom.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Store;
use crate::backup::{BackedUp, Backup};
use crate::collect::{Collected, Collection};
use crate::error::Error;
use crate::pool::blocking;
use crate::progress::Progress;
use crate::scrub::{Scrub, ScrubOptions, Scrubbed};
use crate::trim::{Trim, Trimmed};

impl Store {
    /// Takes away what nothing needs, or, on a `dry_run`, says what that would be. Goes on beside
    /// everything else; `stop` ends it early, and it may be run again at any time. Waits for a
    /// collection that is under way, and then begins anew.
    ///
    /// # Errors
    /// [`Error::BackingUp`], [`Error::Stopped`], [`Error::Damaged`] when a manifest cannot be read (then
    /// nothing was touched), and the file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs until `stop`, whatever becomes of the future. Until then it waits for its
    /// turn, heedless of `stop`, and begins nothing when dropped.
    pub async fn collect(
        &self,
        dry_run: bool,
        stop: Arc<AtomicBool>,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Collected, Error> {
        self.space().counted().await?;
        let turn = Arc::clone(&self.0.collecting).lock_owned().await;
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _one_at_a_time = turn;
            let _alone = inner.keeping.try_write().map_err(|_| Error::BackingUp)?;
            let leftovers = (&inner.uploads, &inner.fetches);
            Collection::new(&inner.shared, leftovers, dry_run, &stop, &mut progress).run()
        })
        .await
    }

    /// When the store is tight, takes away what was pulled through and not asked for of late, the oldest
    /// first, until it is at ease again; otherwise nothing happens. What was asked for within the last
    /// hour stays. Waits for a collection that is under way.
    ///
    /// # Errors
    /// As [`collect`](Self::collect); what has gone by then has gone.
    ///
    /// # Cancel safety
    /// As [`collect`](Self::collect).
    pub async fn trim(
        &self,
        stop: Arc<AtomicBool>,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Trimmed, Error> {
        self.space().counted().await?;
        let turn = Arc::clone(&self.0.collecting).lock_owned().await;
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _one_at_a_time = turn;
            let leftovers = (&inner.uploads, &inner.fetches);
            let space = inner.shared.blobs.space();
            let trimmed = inner.keeping.try_write().map_err(|_| Error::BackingUp);
            let trimmed = trimmed
                .and_then(|_alone| Trim::new(&inner.shared, leftovers, &stop, &mut progress).run());
            space.end_trim();
            trimmed
        })
        .await
    }

    /// Waits until the store is near one of its limits and should be [trimmed](Self::trim). For one
    /// who waits; it is told also of what was before the call.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn until_tight(&self) {
        self.space().until_tight().await;
    }

    /// Wakes who waits [until the store is tight](Self::until_tight), and waits until it is through with a
    /// trim: what was refused for want of room may be tried again. For ever, where nobody trims.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn until_trimmed(&self) {
        self.space().until_trimmed().await;
    }

    /// Makes `dir` a copy of the store as it is now: a store of its own, that only needs to be opened.
    /// What is there from an earlier backup is not copied again, and what is gone here goes there. All
    /// that was acknowledged before the call is in it; pushes and deletes go on meanwhile. Waits for a
    /// collection that is under way, and holds off others until it ends.
    ///
    /// A backup that was stopped or failed goes on when it is asked for again. Until then an earlier copy
    /// still opens, with some repositories newer than others; a first one does not open.
    ///
    /// # Errors
    /// [`Error::NotForBackup`] for a directory that may not be overwritten, [`Error::Locked`] for one
    /// that is in use, [`Error::Stopped`], [`Error::Full`] when there is no room, and the file
    /// system's. What is damaged in the store is no error: the outcome lists it.
    ///
    /// # Cancel safety
    /// Once begun it runs until `stop`, whatever becomes of the future.
    pub async fn backup(
        &self,
        dir: PathBuf,
        stop: Arc<AtomicBool>,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<BackedUp, Error> {
        let keeping = Arc::clone(&self.0.keeping).read_owned().await;
        let shared = Arc::clone(&self.0.shared);
        blocking(move || {
            let _keeping = keeping;
            Backup::begin(&shared, &dir, &stop, &mut progress)?.run()
        })
        .await
    }

    /// Reads every byte again, sets aside what is damaged, mends what can be mended, and says what it
    /// found. Goes on beside everything else; `stop` ends it early, and it may be run again at any time.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::ReadOnly`] when there is something to mend and nothing may be written,
    /// and the file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs until `stop`, whatever becomes of the future.
    pub async fn scrub(
        &self,
        options: ScrubOptions,
        stop: Arc<AtomicBool>,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Scrubbed, Error> {
        self.space().counted().await?;
        let inner = Arc::clone(&self.0);
        blocking(move || {
            Scrub::new(&inner.shared, &inner.uploads, options, &stop, &mut progress).run()
        })
        .await
    }
}
