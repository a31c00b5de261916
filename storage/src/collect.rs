//! Collection: takes away what nothing needs, without stopping anybody.
//!
//! Every manifest that a repository has a record of, tagged or not, is kept, and keeps the blobs it
//! refers to. The mark reads the records and the manifests themselves, never the index; one that cannot
//! be read stops the collection before anything is touched, and a repository that has lost one keeps all
//! its blobs. The sweep takes one blob at a time, under its lock: the links to it, then the blob, which
//! goes to `trash/` and is gone for good one grace later, or at once where a [trim](crate::trim) asks. It can be killed anywhere and simply begins
//! anew. Between its steps it rests as long as it works, for somebody may be waiting for the processor.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tracing::info;

use crate::breath::Breath;
use crate::error::Error;
use crate::fetch::Fetches;
use crate::oci::{Digest, RepoName};
use crate::progress::{Phase, Progress, check_stop};
use crate::repo::{Files, Shared};
use crate::upload::Uploads;
use crate::walk;

/// An upload or a fetch that nobody has touched for this long is given up.
const IDLE: Duration = Duration::from_hours(24);

/// What a collection did, or, on a dry run, would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collected {
    /// Manifests that are kept.
    pub manifests: u64,
    /// Blobs that they need, themselves among them.
    pub needed: u64,
    /// Blobs that nothing needs but that are too young to go.
    pub young: u64,
    /// Blobs taken away.
    pub blobs: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Uploads given up.
    pub uploads: u64,
    /// Fetches that nobody goes on with, given up.
    pub fetches: u64,
}

/// One collection, under way.
pub(crate) struct Collection<'a> {
    shared: &'a Arc<Shared>,
    uploads: &'a Uploads,
    fetches: &'a Fetches,
    dry_run: bool,
    stop: &'a AtomicBool,
    progress: &'a mut dyn FnMut(Progress),
    breath: Breath,
    now: SystemTime,
    /// What need not lie in the trash.
    forgotten: HashSet<Digest>,
}

/// A blob that nothing seems to need.
struct Candidate {
    blob: Digest,
    bytes: u64,
    linked_in: Vec<RepoName>,
}

impl<'a> Collection<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        (uploads, fetches): (&'a Uploads, &'a Fetches),
        dry_run: bool,
        stop: &'a AtomicBool,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        let now = shared.config.clock.now();
        Self {
            shared,
            uploads,
            fetches,
            dry_run,
            stop,
            progress,
            breath: Breath::new(),
            now,
            forgotten: HashSet::new(),
        }
    }

    /// Of what it takes away, these are gone for good at once.
    pub(crate) fn forgetting(mut self, blobs: HashSet<Digest>) -> Self {
        self.forgotten = blobs;
        self
    }

    pub(crate) fn run(mut self) -> Result<Collected, Error> {
        let mut collected = self.mark_and_sweep()?;
        let idle_since = self.now.checked_sub(IDLE);
        let idle_since = idle_since.unwrap_or(SystemTime::UNIX_EPOCH);
        collected.uploads = self.uploads.collect(idle_since, self.dry_run)?;
        collected.fetches = self.fetches.collect(idle_since, self.dry_run)?;
        if !self.dry_run {
            self.empty_trash()?;
        }
        info!(
            manifests = collected.manifests,
            blobs = collected.blobs,
            bytes = collected.bytes,
            uploads = collected.uploads,
            fetches = collected.fetches,
            dry_run = self.dry_run,
            "Collected"
        );
        Ok(collected)
    }

    fn mark_and_sweep(&mut self) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let shared = Arc::clone(self.shared);
        let _mark = shared.blobs.leases().begin_mark();
        let needed = self.mark(&mut collected)?;
        let candidates = self.candidates(&needed, &mut collected)?;
        let total = Some(candidates.len() as u64);
        for (done, candidate) in (0..).zip(candidates) {
            check_stop(self.stop)?;
            (self.progress)(Progress {
                phase: Phase::Sweep,
                done,
                total,
            });
            if self.dry_run || self.sweep(&candidate)? {
                collected.blobs += 1;
                collected.bytes += candidate.bytes;
            }
            self.breath.take();
        }
        Ok(collected)
    }

    /// Everything that manifests need.
    fn mark(&mut self, collected: &mut Collected) -> Result<HashSet<Digest>, Error> {
        let mut needed = HashSet::new();
        for name in walk::all_repositories(&self.shared.layout.repos())? {
            let repo = Files::new(Arc::clone(self.shared), name);
            for digest in repo.manifest_digests()? {
                check_stop(self.stop)?;
                // Deleted since it was listed: then it keeps nothing.
                let Some(manifest) = repo.parse_manifest(digest)? else {
                    continue;
                };
                needed.insert(digest);
                needed.extend(manifest.blobs().iter().map(|blob| blob.digest));
                collected.manifests += 1;
                let done = collected.manifests;
                (self.progress)(Progress {
                    phase: Phase::Mark,
                    done,
                    total: None,
                });
                self.breath.take();
            }
            // Last, since a scrub may have set one aside meanwhile.
            if repo.has_lost_manifest()? {
                needed.extend(repo.linked_blobs()?);
            }
        }
        collected.needed = needed.len() as u64;
        Ok(needed)
    }

    /// The blobs that are old enough and not needed, and where they are linked.
    fn candidates(
        &mut self,
        needed: &HashSet<Digest>,
        collected: &mut Collected,
    ) -> Result<Vec<Candidate>, Error> {
        let mut candidates = HashMap::new();
        let shared = Arc::clone(self.shared);
        let layout = &shared.layout;
        for blob in walk::blobs(&layout.blobs())? {
            if needed.contains(&blob) {
                continue;
            }
            match self.bytes_if_old(&layout.blob(&blob))? {
                Some(bytes) => drop(candidates.insert(blob, (bytes, Vec::new()))),
                None => collected.young += 1,
            }
            self.breath.take();
        }
        for name in walk::all_repositories(&self.shared.layout.repos())? {
            for blob in walk::digests(&layout.repo(&name).blobs())? {
                if let Some((_, linked_in)) = candidates.get_mut(&blob) {
                    linked_in.push(name.clone());
                }
            }
            self.breath.take();
        }
        let candidate = |(blob, (bytes, linked_in))| Candidate {
            blob,
            bytes,
            linked_in,
        };
        Ok(candidates.into_iter().map(candidate).collect())
    }

    /// Takes a blob away, unless it was promised or needed meanwhile.
    fn sweep(&self, candidate: &Candidate) -> Result<bool, Error> {
        let Shared {
            blobs,
            links,
            disk,
            layout,
            ..
        } = &**self.shared;
        let Candidate {
            blob, linked_in, ..
        } = candidate;
        let path = layout.blob(blob);
        let _alone = blobs.leases().take(*blob);
        if blobs.leases().is_needed(*blob) || self.bytes_if_old(&path)?.is_none() {
            return Ok(false);
        }
        for repository in linked_in {
            links.unlink(repository, *blob)?;
        }
        // From here on it has lain in the trash.
        disk.touch(&path, self.now)?;
        let trashed = layout.trashed(blob);
        blobs.move_away(*blob, &trashed)?;
        if self.forgotten.contains(blob) {
            disk.remove(&trashed)?;
        }
        Ok(true)
    }

    /// The size in bytes of a file that was last promised, or moved to the trash, one grace ago.
    fn bytes_if_old(&self, path: &Path) -> Result<Option<u64>, Error> {
        let Some(metadata) = walk::metadata(path)? else {
            return Ok(None);
        };
        let since = metadata
            .modified()
            .map_err(|source| Error::io("look at", path, source))?;
        Ok(self.is_past_grace(since).then_some(metadata.len()))
    }

    /// Removes for good what has been in the trash for one grace.
    fn empty_trash(&self) -> Result<(), Error> {
        let trash = self.shared.layout.trash();
        for name in walk::names(&trash, |name| Some(name.to_owned()))? {
            let path = trash.join(name);
            if self.bytes_if_old(&path)?.is_some() {
                self.shared.disk.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Whether one grace had passed when the collection began. What is later than that has not.
    fn is_past_grace(&self, since: SystemTime) -> bool {
        self.now
            .duration_since(since)
            .is_ok_and(|age| age >= self.shared.config.gc_grace)
    }
}
