//! What one repository says of itself at one moment, and what the copy can say in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::target::{self, Kept};
use crate::error::Error;
use crate::layout::{RepoLayout, parse_flat_name};
use crate::oci::{Digest, RepoName, Tag};
use crate::record::{self, ManifestRecord, TagRecord};
use crate::rehash::is_loss;
use crate::repo::Shared;
use crate::walk;

/// A repository; without folders there is none.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) folders: Vec<&'static str>,
    pub(super) links: BTreeSet<Digest>,
    pub(super) manifests: BTreeMap<Digest, Kept>,
    /// Each with the manifest that it names.
    pub(super) tags: BTreeMap<Tag, (Digest, Kept)>,
    /// Subjects, each with a manifest that refers to it.
    pub(super) referrers: BTreeSet<(Digest, Digest)>,
    /// Records that cannot be read.
    pub(super) damaged: Vec<PathBuf>,
    /// Manifests of which there is no record, and that nobody has deleted.
    lost_manifests: BTreeSet<Digest>,
    /// Tags of the same kind.
    lost_tags: BTreeSet<Tag>,
}

/// What a file turns out to be.
enum Read<T> {
    Gone,
    Damaged,
    Whole(Kept, T),
}

impl Snapshot {
    /// Reads a repository, which nobody changes meanwhile.
    pub(super) fn read(shared: &Shared, name: &RepoName) -> Result<Self, Error> {
        let layout = shared.layout.repo(name);
        let mut snapshot = Self::default();
        let guard = shared.locks.blocking_lock_to_read(name);
        snapshot.folders.extend(RepoLayout::FOLDERS);
        snapshot
            .folders
            .retain(|folder| layout.dir().join(folder).is_dir());
        snapshot.links.extend(walk::digests(&layout.blobs())?);
        snapshot.read_manifests(&layout)?;
        snapshot.read_tags(&layout)?;
        for subject in walk::digests(&layout.all_referrers())? {
            let marks = walk::names(&layout.referrers(&subject), parse_flat_name)?;
            let marks = marks.into_iter().map(|referrer| (subject, referrer));
            snapshot.referrers.extend(marks);
        }
        drop(guard);
        snapshot.read_set_aside(&shared.layout.quarantined_repo(name))?;
        Ok(snapshot)
    }

    fn read_manifests(&mut self, layout: &RepoLayout) -> Result<(), Error> {
        for digest in walk::digests(&layout.manifests())? {
            let path = layout.manifest(&digest);
            match read::<ManifestRecord>(&path)? {
                Read::Gone => {}
                Read::Damaged => {
                    self.damaged.push(path);
                    self.lost_manifests.insert(digest);
                }
                Read::Whole(kept, _) => drop(self.manifests.insert(digest, kept)),
            }
        }
        Ok(())
    }

    fn read_tags(&mut self, layout: &RepoLayout) -> Result<(), Error> {
        for tag in walk::names(&layout.tags(), |name| name.parse::<Tag>().ok())? {
            let path = layout.tag(&tag);
            match read::<TagRecord>(&path)? {
                Read::Gone => {}
                Read::Damaged => {
                    self.damaged.push(path);
                    self.lost_tags.insert(tag);
                }
                Read::Whole(kept, TagRecord { digest, .. }) => {
                    self.tags.insert(tag, (digest, kept));
                }
            }
        }
        Ok(())
    }

    /// What a scrub took away from the repository was not deleted by anybody.
    fn read_set_aside(&mut self, set_aside: &RepoLayout) -> Result<(), Error> {
        let manifests = walk::digests(&set_aside.manifests())?.into_iter();
        self.lost_manifests
            .extend(manifests.filter(|digest| !self.manifests.contains_key(digest)));
        let tags = walk::names(&set_aside.tags(), |name| name.parse().ok())?.into_iter();
        self.lost_tags
            .extend(tags.filter(|tag| !self.tags.contains_key(tag)));
        Ok(())
    }

    /// Takes from the copy what was lost of manifests, and of the links to these blobs.
    pub(super) fn recover(
        &mut self,
        copy: &RepoLayout,
        lost_blobs: Vec<Digest>,
    ) -> Result<(), Error> {
        for digest in std::mem::take(&mut self.lost_manifests) {
            if let Read::Whole(kept, _) = read::<ManifestRecord>(&copy.manifest(&digest))? {
                self.manifests.insert(digest, kept);
            }
        }
        for blob in lost_blobs {
            if walk::metadata(&copy.blob(&blob))?.is_some() {
                self.links.insert(blob);
            }
        }
        Ok(())
    }

    /// Takes from the copy what was lost of tags, now that it is known which manifests there are. A tag
    /// that would name none is dropped.
    pub(super) fn recover_tags(&mut self, copy: &RepoLayout) -> Result<(), Error> {
        let manifests = &self.manifests;
        let dangling = self
            .tags
            .extract_if(.., |_, (digest, _)| !manifests.contains_key(digest));
        self.lost_tags.extend(dangling.map(|(tag, _)| tag));
        for tag in std::mem::take(&mut self.lost_tags) {
            if let Read::Whole(kept, TagRecord { digest, .. }) = read(&copy.tag(&tag))?
                && self.manifests.contains_key(&digest)
            {
                self.tags.insert(tag, (digest, kept));
            }
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Read<T>, Error> {
    match target::read(path) {
        Ok(None) => Ok(Read::Gone),
        Ok(Some(kept)) => Ok(match record::decode(&kept.bytes) {
            Some(record) => Read::Whole(kept, record),
            None => Read::Damaged,
        }),
        Err(error) if is_loss(&error) => Ok(Read::Damaged),
        Err(error) => Err(error),
    }
}
