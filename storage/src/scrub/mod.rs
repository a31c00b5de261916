//! Scrub: reads every byte of the store again, and says what is not as it was written.
//!
//! What is damaged is set aside in `quarantine/`, so that it is never served; what can be made again is
//! made again; what is lost is reported with everything it concerns. Goes on beside everything else:
//! each file is judged under the lock that those who write it hold, and only for a moment.
//!
//! The files are read in this order: [`blobs`], what each [`repository`] says, [`upload`]s in progress,
//! then names that are none of ours ([`stray`]), and whether the [`index`] lists what is there. A manifest without a record stays one: it was
//! deleted. What a crash may leave behind in a store that works is put in order without a word.

mod blobs;
mod cursor;
mod index;
mod mark;
mod needs;
mod pace;
mod report;
mod repository;
mod stray;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tracing::{info, warn};

use self::cursor::Cursor;
use self::pace::Pace;
pub use self::report::{Affected, Defect, Lost, Outcome, Problem, Scrubbed};
use crate::error::Error;
use crate::format;
use crate::oci::{Digest, RepoName};
use crate::progress::Progress;
use crate::repo::Shared;
use crate::upload::Uploads;
use crate::walk;

/// How to scrub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrubOptions {
    /// The most to be read from the disk in a second; without one, as fast as it goes.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Whether to go on where the last scrub with this option was ended, rather than to begin anew.
    pub resume: bool,
}

/// One scrub, under way.
pub(crate) struct Scrub<'a> {
    shared: &'a Arc<Shared>,
    uploads: &'a Uploads,
    pace: Pace<'a>,
    cursor: Cursor<'a>,
    stop: &'a AtomicBool,
    progress: &'a mut dyn FnMut(Progress),
    report: Scrubbed,
    /// Content that should be in the store and is not.
    lost: BTreeMap<Digest, Loss>,
}

/// What is known of lost content.
struct Loss {
    problem: Problem,
    affects: BTreeSet<Affected>,
}

impl Loss {
    fn new(problem: Problem) -> Self {
        Self {
            problem,
            affects: BTreeSet::new(),
        }
    }
}

impl<'a> Scrub<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        uploads: &'a Uploads,
        options: ScrubOptions,
        stop: &'a AtomicBool,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            shared,
            uploads,
            pace: Pace::new(options.bytes_per_second, stop),
            cursor: Cursor::new(&shared.layout, &shared.disk, options.resume),
            stop,
            progress,
            report: Scrubbed::default(),
            lost: BTreeMap::new(),
        }
    }

    pub(crate) fn run(mut self) -> Result<Scrubbed, Error> {
        self.check_format()?;
        self.read_blobs()?;
        self.check_repositories()?;
        self.tell_losses();
        self.read_uploads()?;
        self.report_strays()?;
        self.compare_index()?;
        info!(
            blobs = self.report.blobs,
            bytes = self.report.bytes,
            defects = self.report.defects.len(),
            lost = self.report.has_losses(),
            "Scrubbed"
        );
        Ok(self.report)
    }

    /// The store is open, so this program knows its format, whatever has become of the file.
    fn check_format(&mut self) -> Result<(), Error> {
        let Shared { layout, disk, .. } = &**self.shared;
        if !format::is_intact(layout) {
            format::write(layout, disk)?;
            self.tell(&layout.format(), Problem::Damaged, Outcome::Repaired, []);
        }
        Ok(())
    }

    /// Now that every repository was heard: what was lost, and to whom.
    fn tell_losses(&mut self) {
        for (digest, Loss { problem, affects }) in std::mem::take(&mut self.lost) {
            let path = self.shared.layout.blob(&digest);
            let is_needed = !affects.is_empty();
            self.note_lost(digest, &affects);
            match problem {
                _ if is_needed => self.tell(&path, problem, Outcome::Lost, affects),
                // Long told, and nobody misses it any more.
                Problem::SetAsideBefore => {}
                _ => self.tell(&path, problem, Outcome::SetAside, []),
            }
        }
    }

    /// Notes who misses lost content.
    fn note_lost(&mut self, digest: Digest, affects: &BTreeSet<Affected>) {
        let repositories: BTreeSet<_> = affects.iter().map(|one| &one.repository).collect();
        for repository in repositories {
            // A manifest's record is set aside with it.
            let record = self.shared.layout.quarantined_repo(repository);
            self.report.lost.push(Lost {
                repository: repository.clone(),
                digest,
                is_manifest: record.manifest(&digest).exists(),
            });
        }
    }

    /// Notes a defect of the file at `path`.
    fn tell(
        &mut self,
        path: &Path,
        problem: Problem,
        outcome: Outcome,
        affects: impl IntoIterator<Item = Affected>,
    ) {
        let root = self.shared.layout.root();
        let path = path
            .strip_prefix(root)
            .expect("every file of the store lies below its root")
            .to_owned();
        let affects: Vec<_> = affects.into_iter().collect();
        let first = affects.first().map(ToString::to_string);
        warn!(path = %path.display(), %problem, %outcome, affects = affects.len(), first, "Found a defect");
        self.report.defects.push(Defect {
            path,
            problem,
            outcome,
            affects,
        });
    }

    /// Moves a file to quarantine. It is gone from where it was when this returns.
    fn move_aside(&self, from: &Path, to: &Path) -> Result<(), Error> {
        let disk = &self.shared.disk;
        disk.publish(from, to)?;
        disk.sync_dir(from.parent().expect("a file lies in a directory"))
    }

    fn repositories(&self) -> Result<Vec<RepoName>, Error> {
        walk::all_repositories(&self.shared.layout.repos())
    }
}
