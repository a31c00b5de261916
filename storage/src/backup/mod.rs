//! Backup: a copy of a store in use, that is a store itself.
//!
//! Nothing in the copy ever dangles, wherever a backup ends: blobs come before the records that need
//! them, records before tags, and what goes, goes the other way round; a first copy does not open before
//! it is whole. Most blobs are copied before anything is asked of repositories, each of which is then
//! read in one moment under its lock; so the copy shows all repositories as they were within the short
//! time that reading them takes. No blob may go meanwhile: whoever begins a backup holds collection off.
//!
//! What is damaged in the store is not copied, and neither it nor what a scrub has set aside is taken to
//! be gone: there the copy keeps what it has.

mod blob;
mod repository;
mod snapshot;
mod target;
mod tree;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use tracing::{info, warn};

use self::target::Target;
use crate::error::Error;
use crate::layout::Layout;
use crate::oci::{Digest, RepoName};
use crate::progress::{Phase, Progress, check_stop};
use crate::repo::Shared;
use crate::walk;

/// What a backup did, and what the copy holds now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackedUp {
    /// Repositories in the copy.
    pub repositories: u64,
    /// Manifests of all of these.
    pub manifests: u64,
    /// Tags of all of these.
    pub tags: u64,
    /// Blobs in the copy, manifests among them.
    pub blobs: u64,
    /// Blobs that had to be copied this time.
    pub copied: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Blobs that were in the copy and that nothing in it needs any more.
    pub removed: u64,
    /// Files of the store that are damaged or missing, below the data directory. The copy has what an
    /// earlier backup made of them, if anything.
    pub damaged: BTreeSet<PathBuf>,
}

impl BackedUp {
    /// Whether the store was sound, and so all of it is in the copy.
    pub fn is_complete(&self) -> bool {
        self.damaged.is_empty()
    }
}

/// One backup, under way.
pub(crate) struct Backup<'a> {
    shared: &'a Arc<Shared>,
    target: Target,
    stop: &'a AtomicBool,
    progress: &'a mut dyn FnMut(Progress),
    report: BackedUp,
    /// Blobs that are in the copy and whole, as far as their sizes say.
    held: HashSet<Digest>,
    /// Blobs that cannot be had.
    lost: HashSet<Digest>,
}

impl<'a> Backup<'a> {
    /// Makes `dir` ready to be written to.
    pub(crate) fn begin(
        shared: &'a Arc<Shared>,
        dir: &Path,
        stop: &'a AtomicBool,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        Ok(Self {
            shared,
            target: Target::open(dir, &shared.layout, &shared.disk)?,
            stop,
            progress,
            report: BackedUp::default(),
            held: HashSet::new(),
            lost: HashSet::new(),
        })
    }

    pub(crate) fn run(mut self) -> Result<BackedUp, Error> {
        if let Err(error) = self.copy_all() {
            self.target.give_up();
            return Err(error);
        }
        self.report.blobs = self.held.len() as u64;
        info!(
            dir = %self.target.layout.root().display(),
            repositories = self.report.repositories,
            blobs = self.report.blobs,
            copied = self.report.copied,
            bytes = self.report.bytes,
            damaged = self.report.damaged.len(),
            "Backed up"
        );
        Ok(self.report)
    }

    fn copy_all(&mut self) -> Result<(), Error> {
        self.copy_blobs()?;
        self.copy_trees()?;
        self.copy_repositories()?;
        self.drop_blobs()?;
        self.target.finish()
    }

    /// Copies every repository, those too of which only the copy still knows.
    fn copy_repositories(&mut self) -> Result<(), Error> {
        let mut names = repositories(&self.shared.layout)?;
        names.append(&mut repositories(&self.target.layout)?);
        let total = Some(names.len() as u64);
        for (done, name) in (0..).zip(&names) {
            check_stop(self.stop)?;
            (self.progress)(Progress {
                phase: Phase::Names,
                done,
                total,
            });
            self.copy_repository(name)?;
        }
        Ok(())
    }

    /// Removes from the copy what no repository in it needs. By now none refers to it.
    fn drop_blobs(&mut self) -> Result<(), Error> {
        for digest in walk::blobs(&self.target.layout.blobs())? {
            check_stop(self.stop)?;
            if !self.held.contains(&digest) {
                self.target.remove(&self.target.layout.blob(&digest))?;
                self.report.removed += 1;
            }
        }
        self.target.sync()
    }

    /// Notes a file of the store that cannot be copied.
    fn tell_damaged(&mut self, path: &Path) {
        let root = self.shared.layout.root();
        let path = path
            .strip_prefix(root)
            .expect("every file of the store lies below its root");
        warn!(path = %path.display(), "Found damage that cannot be backed up");
        self.report.damaged.insert(path.to_owned());
    }
}

fn repositories(layout: &Layout) -> Result<BTreeSet<RepoName>, Error> {
    let mut names = BTreeSet::new();
    walk::repositories(&layout.repos(), &mut |name| {
        names.insert(name);
        Ok(())
    })?;
    Ok(names)
}
