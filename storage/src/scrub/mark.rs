//! Checks the files whose names say it all: links to blobs, and marks of referrers.
//!
//! A link to a blob that is not here is a loss and goes, so that whoever pushes the image again is told
//! to send the blob too. Marks follow from the manifests, and are made to.

use std::io::ErrorKind;
use std::path::Path;

use super::needs::Needs;
use super::report::{Outcome, Problem};
use super::{Loss, Scrub};
use crate::error::Error;
use crate::layout::parse_flat_name;
use crate::oci::{Digest, Manifest, RepoName};
use crate::progress::check_stop;
use crate::rehash::is_loss;
use crate::repo::{Files, Shared};
use crate::walk;

impl Scrub<'_> {
    /// Checks the links of a repository.
    pub(super) fn check_links(&mut self, name: &RepoName, needs: &mut Needs) -> Result<(), Error> {
        let Shared {
            layout,
            blobs,
            links,
            ..
        } = &**self.shared;
        let repo = layout.repo(name);
        for blob in walk::digests(&repo.blobs())? {
            check_stop(self.stop)?;
            self.report.links += 1;
            self.make_empty(&repo.blob(&blob))?;
            if blobs.size(blob)?.is_some() {
                continue;
            }
            // Collection takes the link first, then the blob: looked at with both still, it is a loss.
            let _alone = blobs.leases().take(blob);
            if blobs.size(blob)?.is_none() && links.unlink(name, blob)? {
                needs.add_lost(blob);
                let missing = || Loss::new(Problem::Missing);
                self.lost.entry(blob).or_insert_with(missing);
            }
        }
        Ok(())
    }

    /// Sees to it that a manifest is listed among the referrers of its subject. To be called with the
    /// repository's lock held.
    pub(super) fn mark_referrer(
        &mut self,
        name: &RepoName,
        digest: Digest,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let Shared { layout, disk, .. } = &**self.shared;
        if let Some(subject) = manifest.subject() {
            let mark = layout.repo(name).referrer(&subject.digest, &digest);
            if walk::metadata(&mark)?.is_none() {
                disk.mark(&mark)?;
                self.report.tidied += 1;
            }
        }
        Ok(())
    }

    /// Removes the marks of manifests that are not here, or say nothing about the subject.
    pub(super) fn check_referrers(&mut self, name: &RepoName, files: &Files) -> Result<(), Error> {
        let Shared {
            layout,
            disk,
            locks,
            ..
        } = &**self.shared;
        let repo = layout.repo(name);
        for subject in walk::digests(&repo.all_referrers())? {
            let marks = repo.referrers(&subject);
            for referrer in walk::names(&marks, parse_flat_name)? {
                check_stop(self.stop)?;
                let _guard = locks.blocking_lock(name);
                let mark = repo.referrer(&subject, &referrer);
                let refers = match files.parse_manifest(referrer) {
                    Ok(manifest) => manifest.is_some_and(|manifest| {
                        let named = manifest.subject().map(|named| named.digest);
                        named == Some(subject)
                    }),
                    // Damaged since it was looked at: for the next scrub to say.
                    Err(error) if is_loss(&error) => true,
                    Err(error) => return Err(error),
                };
                if refers {
                    self.make_empty(&mark)?;
                } else if disk.remove(&mark)? {
                    disk.sync_dir(&marks)?;
                    self.report.tidied += 1;
                }
            }
        }
        Ok(())
    }

    /// Takes bytes away that have no business in a file, if it is there at all.
    fn make_empty(&mut self, path: &Path) -> Result<(), Error> {
        let disk = &self.shared.disk;
        if walk::metadata(path)?.is_none_or(|metadata| metadata.len() == 0) {
            return Ok(());
        }
        let file = match disk.open_for_writing(path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        disk.truncate(&file, path, 0)?;
        disk.sync_file(&file, path)?;
        self.tell(path, Problem::NotEmpty, Outcome::Repaired, []);
        Ok(())
    }
}
