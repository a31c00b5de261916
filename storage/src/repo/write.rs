//! What changes a repository's manifests and tags. All of it is called under the repository's lock.
//!
//! Order of a write: the bytes, the referrer, the manifest's record (the commit point), the tags, the
//! index; each on disk before the next begins. A delete goes the other way round. So a crash between
//! any two steps leaves garbage at worst, never a tag without its manifest.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use serde::Serialize;

use super::files::Files;
use super::{Put, PutOutcome, Shared};
use crate::error::Error;
use crate::layout::RepoLayout;
use crate::oci::{Descriptor, Digest, Manifest, Tag};
use crate::record::{self, ManifestRecord, Origin, TagRecord};
use crate::rehash::is_loss;
use crate::walk;

impl Files {
    pub(super) fn put(&self, put: &Put) -> Result<PutOutcome, Error> {
        let Put {
            manifest,
            digest,
            tags,
            origin: put_origin,
            by,
        } = put;
        let actual = manifest.digest(digest.algorithm());
        if actual != *digest {
            return Err(Error::digest_mismatch(*digest, actual));
        }
        let is_kept =
            |origin| *put_origin == Origin::PulledThrough && origin != Origin::PulledThrough;
        let mut moved = Vec::with_capacity(tags.len());
        for tag in tags {
            let before = self.tag_record(tag)?;
            if before.as_ref().is_some_and(|before| is_kept(before.origin)) {
                continue;
            }
            let before = before.map(|record| record.digest);
            if before.is_some_and(|before| before != *digest) {
                self.refuse_immutable(tag)?;
            }
            moved.push((tag.clone(), before));
        }
        let leases = self.shared.blobs.leases();
        let _storing = leases.store_manifest();
        let lease = leases.hold(*digest);
        leases.need(*digest);
        drop(lease);
        let missing = self.claim(manifest, *put_origin)?;
        let now = self.shared.config.clock.now().into();

        let lease = leases.hold(*digest);
        self.shared.blobs.put(*digest, manifest.bytes())?;
        drop(lease);
        if let Some(subject) = manifest.subject() {
            self.shared
                .disk
                .mark(&self.layout.referrer(&subject.digest, digest))?;
        }
        let known = self.manifest_record(*digest);
        // One that cannot be read is written anew.
        if !known.is_ok_and(|known| known.is_some_and(|known| is_kept(known.origin))) {
            let record = ManifestRecord {
                media_type: manifest.media_type().clone(),
                size: manifest.bytes().len() as u64,
                stored_at: now,
                by: by.clone(),
                origin: *put_origin,
            };
            self.write_record(&self.layout.manifest(digest), &record)?;
        }
        let record = TagRecord {
            digest: *digest,
            set_at: now,
            by: by.clone(),
            origin: *put_origin,
            checked_at: (*put_origin != Origin::Pushed).then_some(now),
        };
        for (tag, _) in &moved {
            self.write_record(&self.layout.tag(tag), &record)?;
        }
        self.shared.index.add_repository(&self.name);
        Ok(PutOutcome {
            missing,
            tags: moved,
        })
    }

    /// Keeps collection away from what the manifest needs, and says what this repository does not hold.
    ///
    /// A client that pushes a manifest does not show that it may read what it refers to. An upstream that
    /// has it in the same repository does: what of it is in the store already need not be fetched.
    fn claim(&self, manifest: &Manifest, origin: Origin) -> Result<Vec<Digest>, Error> {
        let Shared { blobs, links, .. } = &*self.shared;
        for Descriptor { digest, .. } in manifest.blobs() {
            let _lease = blobs.leases().hold(*digest);
            blobs.leases().need(*digest);
            let is_here = blobs.promise(*digest)?.is_some();
            if is_here && origin != Origin::Pushed && !links.has(&self.name, *digest)? {
                links.link(&self.name, *digest)?;
            }
        }
        self.missing(manifest)
    }

    /// Serves from now on a blob of the store that this repository may serve: its upstream has it too, or
    /// another repository that the caller may read. False when it is not in the store.
    pub(super) fn link_confirmed(&self, blob: Digest) -> Result<bool, Error> {
        let Shared { blobs, links, .. } = &*self.shared;
        let _lease = blobs.leases().hold(blob);
        if blobs.size(blob)?.is_none() {
            return Ok(false);
        }
        links.link(&self.name, blob)?;
        Ok(true)
    }

    /// How a manifest from this repository's upstream refers to a blob, if one does. A damaged one does
    /// not, which must not keep the blobs of others away.
    pub(super) fn referred(&self, blob: Digest) -> Result<Option<Descriptor>, Error> {
        for digest in self.manifest_digests()? {
            let record = self.manifest_record(digest);
            if record.is_ok_and(|record| record.is_none_or(|one| one.origin == Origin::Pushed)) {
                continue;
            }
            let manifest = match self.parse_manifest(digest) {
                Err(error) if is_loss(&error) => continue,
                parsed => parsed?,
            };
            let mut blobs = manifest.iter().flat_map(Manifest::blobs);
            if let Some(found) = blobs.find(|descriptor| descriptor.digest == blob) {
                return Ok(Some(found.clone()));
            }
        }
        Ok(None)
    }

    /// Notes that the upstream of a tag has just said that it still names this.
    pub(super) fn confirm_tag(&self, tag: &Tag, digest: Digest) -> Result<(), Error> {
        let Some(record) = self.tag_record(tag)? else {
            return Ok(());
        };
        if record.digest != digest || record.origin == Origin::Pushed {
            return Ok(());
        }
        let now = self.shared.config.clock.now().into();
        let record = TagRecord {
            checked_at: Some(now),
            ..record
        };
        self.write_record(&self.layout.tag(tag), &record)
    }

    pub(super) fn delete(&self, digest: Digest) -> Result<Option<Vec<Tag>>, Error> {
        if !self.has_manifest(digest)? {
            return Ok(None);
        }
        let tags = self.tags_of(digest)?;
        self.remove_tags(&tags)?;
        let manifest = match self.parse_manifest(digest) {
            // A damaged manifest can be deleted too; its mark, if it had one, then names nothing.
            Err(error) if is_loss(&error) => None,
            parsed => parsed?,
        };
        if let Some(subject) = manifest.as_ref().and_then(Manifest::subject) {
            self.remove_synced(&self.layout.referrer(&subject.digest, &digest))?;
        }
        self.remove_synced(&self.layout.manifest(&digest))?;
        Ok(Some(tags))
    }

    /// As [`delete`](Self::delete), of many, with each directory synced once. How many tags went.
    pub(crate) fn delete_many(&self, manifests: &HashSet<Digest>) -> Result<usize, Error> {
        let mut tags = Vec::new();
        for tag in self.list_tags()? {
            let named = self.tag_record(&tag)?.map(|record| record.digest);
            if named.is_some_and(|digest| manifests.contains(&digest)) {
                tags.push(tag);
            }
        }
        let gone = self.remove_tags(&tags)?;
        let mut marks = Vec::new();
        for digest in manifests {
            let manifest = self.parse_manifest(*digest)?;
            let subject = manifest.as_ref().and_then(Manifest::subject);
            marks.extend(subject.map(|subject| self.layout.referrer(&subject.digest, digest)));
        }
        self.remove_all_synced(&marks)?;
        let records: Vec<_> = manifests
            .iter()
            .map(|digest| self.layout.manifest(digest))
            .collect();
        self.remove_all_synced(&records)?;
        Ok(gone)
    }

    /// Removes tags. How many there were.
    pub(super) fn remove_tags(&self, tags: &[Tag]) -> Result<usize, Error> {
        let mut gone = 0;
        for tag in tags {
            gone += usize::from(self.shared.disk.remove(&self.layout.tag(tag))?);
        }
        if gone > 0 {
            self.shared.disk.sync_dir(&self.layout.tags())?;
        }
        Ok(gone)
    }

    /// Removes the whole repository: tags first, then manifests, then all else.
    pub(super) fn remove_all(&self) -> Result<(), Error> {
        let disk = &self.shared.disk;
        self.remove_tags(&self.list_tags()?)?;
        for digest in self.manifest_digests()? {
            self.delete(digest)?;
        }
        for blob in walk::digests(&self.layout.blobs())? {
            self.shared.links.unlink(&self.name, blob)?;
        }
        // What was lost of it is missed no more.
        let set_aside = self.shared.layout.quarantined_repo(&self.name);
        for digest in walk::digests(&set_aside.manifests())? {
            disk.remove(&set_aside.manifest(&digest))?;
        }
        for tag in walk::names(&set_aside.tags(), |name| name.parse::<Tag>().ok())? {
            disk.remove(&set_aside.tag(&tag))?;
        }
        for folder in RepoLayout::FOLDERS {
            walk::remove_empty(disk, &self.layout.dir().join(folder))?;
        }
        // Directories on the way to a nested repository are not empty and stay.
        for dir in self
            .layout
            .dir()
            .ancestors()
            .take_while(|dir| *dir != self.shared.layout.repos())
        {
            if !disk.remove_dir(dir)? {
                break;
            }
        }
        self.shared.index.remove_repository(&self.name);
        Ok(())
    }

    /// Whether the configuration forbids moving the tag.
    pub(crate) fn is_immutable(&self, tag: &Tag) -> bool {
        self.shared.config.immutable_tags.covers(&self.name, tag)
    }

    pub(super) fn refuse_immutable(&self, tag: &Tag) -> Result<(), Error> {
        if self.is_immutable(tag) {
            return Err(Error::TagImmutable { tag: tag.clone() });
        }
        Ok(())
    }

    fn remove_synced(&self, path: &Path) -> Result<(), Error> {
        self.remove_all_synced(&[path])
    }

    fn remove_all_synced(&self, paths: &[impl AsRef<Path>]) -> Result<(), Error> {
        let disk = &self.shared.disk;
        let mut changed = BTreeSet::new();
        for path in paths.iter().map(AsRef::as_ref) {
            if disk.remove(path)? {
                changed.insert(path.parent().expect("a file lies in a directory"));
            }
        }
        changed.into_iter().try_for_each(|dir| disk.sync_dir(dir))
    }

    fn write_record(&self, path: &Path, record: &impl Serialize) -> Result<(), Error> {
        self.shared.disk.put(
            &self.shared.layout.tmp_file(),
            path,
            &record::encode(record),
        )
    }
}
