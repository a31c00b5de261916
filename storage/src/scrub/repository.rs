//! Checks what the records of one repository say: its manifests and its tags.
//!
//! A manifest's record can be made again from the manifest; a tag's says what nothing else does. A
//! record that is of no use is set aside under `quarantine/repos/`, laid out as in `repos/`, so that the
//! repository no longer claims what it has not.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::needs::Needs;
use super::report::{Affected, Outcome, Problem};
use super::{Loss, Scrub};
use crate::error::Error;
use crate::oci::{Digest, Manifest, MediaType, RepoName, Tag};
use crate::progress::{Phase, Progress};
use crate::record::{self, ManifestRecord, Origin, Principal};
use crate::rehash::is_loss;
use crate::repo::{Files, Shared};
use crate::walk;

/// Who is said to have stored a manifest whose record was lost.
const UNKNOWN: &str = "unknown";

impl Scrub<'_> {
    /// Checks every repository, and asks each what the losses mean for it.
    pub(super) fn check_repositories(&mut self) -> Result<(), Error> {
        let names = self.repositories()?;
        let total = Some(names.len() as u64);
        for (done, name) in (0..).zip(&names) {
            (self.progress)(Progress {
                phase: Phase::Check,
                done,
                total,
            });
            self.check_repository(name)?;
            self.report.repositories += 1;
        }
        Ok(())
    }

    fn check_repository(&mut self, name: &RepoName) -> Result<(), Error> {
        let files = Files::new(Arc::clone(self.shared), name.clone());
        let mut needs = Needs::default();
        self.check_links(name, &mut needs)?;
        for digest in files.manifest_digests()? {
            let read = self.check_manifest(name, &files, digest, &mut needs)?;
            // Waits without the repository's lock.
            self.pace.spend(read)?;
        }
        self.recall(name, &files, &mut needs)?;
        for tag in files.list_tags()? {
            self.check_tag(name, &files, tag, &mut needs)?;
        }
        self.check_referrers(name, &files)?;
        for (content, loss) in &mut self.lost {
            needs.affected(name, *content, &mut loss.affects);
        }
        Ok(())
    }

    /// Checks a manifest and its record. How many bytes were read.
    fn check_manifest(
        &mut self,
        name: &RepoName,
        files: &Files,
        digest: Digest,
        needs: &mut Needs,
    ) -> Result<u64, Error> {
        let shared = self.shared;
        let _guard = shared.locks.blocking_lock(name);
        let record = match files.manifest_record(digest) {
            // Deleted since it was listed.
            Ok(None) => return Ok(0),
            Ok(Some(record)) => Some(record),
            Err(error) if is_loss(&error) => None,
            Err(error) => return Err(error),
        };
        self.report.manifests += 1;
        let Some(bytes) = self.read_manifest(files, digest)? else {
            let is_here = shared.blobs.size(digest)?.is_some();
            let problem = if is_here {
                Problem::NoManifest
            } else {
                Problem::Missing
            };
            self.give_manifest_up(name, digest, problem, needs)?;
            return Ok(0);
        };
        let size = bytes.len() as u64;
        let recorded = record
            .as_ref()
            .filter(|record| record.size == size)
            .and_then(|record| parse_as(&record.media_type, &bytes));
        let is_true = recorded.is_some();
        let Some(manifest) = recorded.or_else(|| parse_by_shape(&bytes)) else {
            self.give_manifest_up(name, digest, Problem::NoManifest, needs)?;
            return Ok(size);
        };
        if !is_true {
            let path = shared.layout.repo(name).manifest(&digest);
            self.write_record(&path, &manifest)?;
            let problem = record.map_or(Problem::Damaged, |_| Problem::Untrue);
            self.tell(&path, problem, Outcome::Repaired, []);
        }
        self.mark_referrer(name, digest, &manifest)?;
        needs.add_manifest(digest, &manifest, |blob| self.lost.contains_key(blob));
        Ok(size)
    }

    /// The bytes of a manifest, unless they are lost.
    fn read_manifest(&mut self, files: &Files, digest: Digest) -> Result<Option<Bytes>, Error> {
        match files.read_manifest(digest) {
            Err(error) if is_loss(&error) => self.suspect(digest)?,
            read => return read.map(Some),
        }
        match files.read_manifest(digest) {
            Err(error) if is_loss(&error) => Ok(None),
            read => read.map(Some),
        }
    }

    /// Makes a manifest's record again. What cannot be known any more is what keeps it: it counts as
    /// pushed, when the old record was written.
    fn write_record(&self, path: &Path, manifest: &Manifest) -> Result<(), Error> {
        let Shared {
            config,
            layout,
            disk,
            ..
        } = &**self.shared;
        let written = walk::metadata(path)?.and_then(|metadata| metadata.modified().ok());
        let record = ManifestRecord {
            media_type: manifest.media_type().clone(),
            size: manifest.bytes().len() as u64,
            stored_at: written.unwrap_or_else(|| config.clock.now()).into(),
            by: Principal::new(UNKNOWN),
            origin: Origin::Pushed,
        };
        disk.put(&layout.tmp_file(), path, &record::encode(&record))
    }

    /// The repository no longer claims a manifest whose bytes are lost.
    fn give_manifest_up(
        &mut self,
        name: &RepoName,
        digest: Digest,
        problem: Problem,
        needs: &mut Needs,
    ) -> Result<(), Error> {
        let layout = &self.shared.layout;
        needs.add_lost(digest);
        // If its bytes were set aside, that is what is wrong with it.
        let lost = || Loss::new(problem);
        self.lost.entry(digest).or_insert_with(lost);
        self.move_aside(
            &layout.repo(name).manifest(&digest),
            &layout.quarantined_repo(name).manifest(&digest),
        )
    }

    /// What an earlier scrub took from the repository is still lost, until it is pushed again.
    fn recall(&mut self, name: &RepoName, files: &Files, needs: &mut Needs) -> Result<(), Error> {
        let Shared { layout, disk, .. } = &**self.shared;
        let set_aside = layout.quarantined_repo(name);
        for digest in walk::digests(&set_aside.manifests())? {
            if files.has_manifest(digest)? {
                disk.remove(&set_aside.manifest(&digest))?;
                self.report.tidied += 1;
            } else {
                needs.add_lost(digest);
                let before = || Loss::new(Problem::SetAsideBefore);
                self.lost.entry(digest).or_insert_with(before);
            }
        }
        for tag in walk::names(&set_aside.tags(), |name| name.parse::<Tag>().ok())? {
            let path = layout.repo(name).tag(&tag);
            if walk::metadata(&path)?.is_some() {
                disk.remove(&set_aside.tag(&tag))?;
                self.report.tidied += 1;
            } else {
                let affected = [Affected::tag(name, tag)];
                self.tell(&path, Problem::SetAsideBefore, Outcome::Lost, affected);
            }
        }
        Ok(())
    }

    fn check_tag(
        &mut self,
        name: &RepoName,
        files: &Files,
        tag: Tag,
        needs: &mut Needs,
    ) -> Result<(), Error> {
        let shared = self.shared;
        let _guard = shared.locks.blocking_lock(name);
        let path = shared.layout.repo(name).tag(&tag);
        let affected = [Affected::tag(name, tag.clone())];
        match files.tag_record(&tag) {
            Ok(None) => return Ok(()),
            Ok(Some(record)) => {
                let is_told = self.lost.contains_key(&record.digest);
                if !is_told && !files.has_manifest(record.digest)? {
                    self.tell(&path, Problem::Dangling, Outcome::Lost, affected);
                }
                needs.add_tag(tag, record.digest);
            }
            Err(error) if is_loss(&error) => {
                self.move_aside(&path, &shared.layout.quarantined_repo(name).tag(&tag))?;
                self.tell(&path, Problem::Damaged, Outcome::Lost, affected);
            }
            Err(error) => return Err(error),
        }
        self.report.tags += 1;
        Ok(())
    }
}

fn parse_as(media_type: &MediaType, bytes: &Bytes) -> Option<Manifest> {
    Manifest::parse(Some(media_type.as_str()), bytes.clone()).ok()
}

/// The manifest that these bytes are, by the type they name or, without one, by their fields.
fn parse_by_shape(bytes: &Bytes) -> Option<Manifest> {
    let by_fields = [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX];
    let by_fields = || by_fields.iter().find_map(|kind| parse_as(kind, bytes));
    Manifest::parse(None, bytes.clone()).ok().or_else(by_fields)
}
