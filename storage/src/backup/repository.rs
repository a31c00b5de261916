//! Brings one repository of the copy in line with the store.
//!
//! Each step is on disk before the next: blobs, links and marks, records of manifests, tags; then what
//! is gone, the other way round.

use crate::error::Error;
use crate::layout::{RepoLayout, parse_flat_name};
use crate::oci::{RepoName, Tag};
use crate::walk;

use super::Backup;
use super::snapshot::Snapshot;

impl Backup<'_> {
    pub(super) fn copy_repository(&mut self, name: &RepoName) -> Result<(), Error> {
        let mut snapshot = Snapshot::read(self.shared, name)?;
        for path in &snapshot.damaged {
            self.tell_damaged(path);
        }
        let copy = self.target.layout.repo(name);
        // After the links were read: a scrub sets a blob aside before it takes the links to it away.
        let set_aside = walk::names(&self.shared.layout.quarantine(), parse_flat_name)?;
        snapshot.recover(&copy, set_aside)?;
        self.hold_all(&mut snapshot)?;
        snapshot.recover_tags(&copy)?;
        self.target.sync()?;
        self.add(&snapshot, &copy)?;
        self.drop_gone(&snapshot, &copy)?;
        self.report.repositories += u64::from(!snapshot.folders.is_empty());
        self.report.manifests += snapshot.manifests.len() as u64;
        self.report.tags += snapshot.tags.len() as u64;
        Ok(())
    }

    /// Has the copy hold every blob that the repository needs, and the repository need no others.
    fn hold_all(&mut self, snapshot: &mut Snapshot) -> Result<(), Error> {
        for digest in snapshot.links.clone() {
            if !self.hold(digest)? {
                snapshot.links.remove(&digest);
            }
        }
        let manifests: Vec<_> = snapshot.manifests.keys().copied().collect();
        for digest in manifests {
            if !self.hold(digest)? {
                snapshot.manifests.remove(&digest);
            }
        }
        Ok(())
    }

    fn add(&mut self, snapshot: &Snapshot, copy: &RepoLayout) -> Result<(), Error> {
        let target = &mut self.target;
        for folder in &snapshot.folders {
            target.make_dirs(&copy.dir().join(folder))?;
        }
        for blob in &snapshot.links {
            target.mark(&copy.blob(blob))?;
        }
        for (subject, referrer) in &snapshot.referrers {
            if snapshot.manifests.contains_key(referrer) {
                target.mark(&copy.referrer(subject, referrer))?;
            }
        }
        target.sync()?;
        for (digest, record) in &snapshot.manifests {
            target.put(&copy.manifest(digest), record)?;
        }
        target.sync()?;
        for (tag, (_, record)) in &snapshot.tags {
            target.put(&copy.tag(tag), record)?;
        }
        target.sync()
    }

    fn drop_gone(&mut self, snapshot: &Snapshot, copy: &RepoLayout) -> Result<(), Error> {
        let target = &mut self.target;
        for tag in walk::names(&copy.tags(), |name| name.parse::<Tag>().ok())? {
            if !snapshot.tags.contains_key(&tag) {
                target.remove(&copy.tag(&tag))?;
            }
        }
        target.sync()?;
        for digest in walk::digests(&copy.manifests())? {
            if !snapshot.manifests.contains_key(&digest) {
                target.remove(&copy.manifest(&digest))?;
            }
        }
        target.sync()?;
        for subject in walk::digests(&copy.all_referrers())? {
            for referrer in walk::names(&copy.referrers(&subject), parse_flat_name)? {
                if !snapshot.referrers.contains(&(subject, referrer)) {
                    target.remove(&copy.referrer(&subject, &referrer))?;
                }
            }
        }
        for blob in walk::digests(&copy.blobs())? {
            if !snapshot.links.contains(&blob) {
                target.remove(&copy.blob(&blob))?;
            }
        }
        target.sync()?;
        if snapshot.folders.is_empty() {
            target.remove_repository(copy)?;
        }
        Ok(())
    }
}
