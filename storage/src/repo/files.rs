//! What blocks of a repository: its files as types, read.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Shared;
use super::stored::{Record, TagState};
use crate::error::Error;
use crate::layout::{RepoLayout, parse_flat_name};
use crate::oci::{Descriptor, Digest, MAX_MANIFEST, Manifest, Reference, RepoName, Tag};
use crate::open;
use crate::record::{self, ManifestRecord, TagRecord};
use crate::walk;

/// The files of one repository, there or not. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(super) shared: Arc<Shared>,
    pub(super) name: RepoName,
    pub(super) layout: RepoLayout,
}

/// What a reference leads to.
#[derive(Debug)]
pub(super) struct Found {
    /// What the tag says, if it is one.
    pub(super) named: Option<TagState>,
    /// The manifest.
    pub(super) record: Record,
    /// When it was last noted that somebody asks for it.
    pub(super) noted: SystemTime,
}

impl Files {
    pub(crate) fn new(shared: Arc<Shared>, name: RepoName) -> Self {
        let layout = shared.layout.repo(&name);
        Self {
            shared,
            name,
            layout,
        }
    }

    /// Every repository of the store.
    pub(super) fn all(&self) -> Result<Vec<Self>, Error> {
        let mut all = Vec::new();
        walk::repositories(&self.shared.layout.repos(), &mut |name| {
            all.push(Self::new(Arc::clone(&self.shared), name));
            Ok(())
        })?;
        Ok(all)
    }

    pub(super) fn exists(&self) -> bool {
        walk::is_repository(self.layout.dir())
    }

    pub(super) fn find(&self, reference: &Reference) -> Result<Option<Found>, Error> {
        let tag = match reference {
            Reference::Digest(digest) => return self.find_digest(*digest),
            Reference::Tag(tag) => tag,
        };
        if let Some(named) = self.tag_record(tag)? {
            if let Some(found) = self.find_named(&named)? {
                return Ok(Some(found));
            }
        } else {
            return Ok(None);
        }
        // It may have been deleted after the tag was moved away from it. Under the lock nobody does that.
        let _guard = self.shared.locks.blocking_lock_to_read(&self.name);
        match self.tag_record(tag)? {
            Some(named) => self.find_named(&named),
            None => Ok(None),
        }
    }

    fn find_named(&self, named: &TagRecord) -> Result<Option<Found>, Error> {
        let found = self.find_digest(named.digest)?;
        Ok(found.map(|found| Found {
            named: Some(named.into()),
            ..found
        }))
    }

    fn find_digest(&self, digest: Digest) -> Result<Option<Found>, Error> {
        let Some(record) = self.manifest_record(digest)? else {
            return Ok(None);
        };
        let noted = self.note_use(digest, &record);
        let ManifestRecord {
            media_type,
            size,
            origin,
            ..
        } = record;
        let record = Record {
            digest,
            media_type,
            size,
            origin,
        };
        Ok(Some(Found {
            named: None,
            record,
            noted,
        }))
    }

    /// What a manifest refers to and this repository does not hold, each once.
    pub(super) fn missing(&self, manifest: &Manifest) -> Result<Vec<Digest>, Error> {
        let mut missing = Vec::new();
        for blob in manifest.blobs().iter().filter(|blob| blob.is_held_here()) {
            if !self.shared.links.has(&self.name, blob.digest)? {
                missing.push(blob.digest);
            }
        }
        for child in manifest.children() {
            if !self.has_manifest(child.digest)? {
                missing.push(child.digest);
            }
        }
        missing.sort_unstable();
        missing.dedup();
        Ok(missing)
    }

    /// The tags that name `digest`.
    pub(super) fn tags_of(&self, digest: Digest) -> Result<Vec<Tag>, Error> {
        let mut tags = Vec::new();
        for tag in self.list_tags()? {
            if self
                .tag_record(&tag)?
                .is_some_and(|record| record.digest == digest)
            {
                tags.push(tag);
            }
        }
        Ok(tags)
    }

    pub(crate) fn list_tags(&self) -> Result<Vec<Tag>, Error> {
        walk::names(&self.layout.tags(), |name| name.parse().ok())
    }

    /// All tags in byte order; `None` when there is no such repository.
    pub(super) fn sorted_tags(&self) -> Result<Option<Vec<Tag>>, Error> {
        let mut tags = self.list_tags()?;
        if tags.is_empty() && !self.exists() {
            return Ok(None);
        }
        tags.sort_unstable();
        Ok(Some(tags))
    }

    pub(crate) fn tag_record(&self, tag: &Tag) -> Result<Option<TagRecord>, Error> {
        read_record(&self.layout.tag(tag))
    }

    pub(crate) fn manifest_digests(&self) -> Result<Vec<Digest>, Error> {
        walk::digests(&self.layout.manifests())
    }

    pub(crate) fn manifest_record(&self, digest: Digest) -> Result<Option<ManifestRecord>, Error> {
        read_record(&self.layout.manifest(&digest))
    }

    /// Whether a manifest of it was lost and has not been pushed again: then nobody knows what of the
    /// repository's content it needs.
    pub(crate) fn has_lost_manifest(&self) -> Result<bool, Error> {
        let set_aside = self.shared.layout.quarantined_repo(&self.name).manifests();
        for digest in walk::digests(&set_aside)? {
            if !self.has_manifest(digest)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn has_manifest(&self, digest: Digest) -> Result<bool, Error> {
        let path = self.layout.manifest(&digest);
        path.try_exists()
            .map_err(|source| Error::io("look at", &path, source))
    }

    /// The blobs that this repository may serve.
    pub(crate) fn linked_blobs(&self) -> Result<Vec<Digest>, Error> {
        walk::digests(&self.layout.blobs())
    }

    pub(super) fn stored_size(&self, blob: Digest) -> Result<Option<u64>, Error> {
        self.shared.blobs.size(blob)
    }

    /// A manifest of this repository, parsed; `None` when it has none of this digest.
    pub(crate) fn parse_manifest(&self, digest: Digest) -> Result<Option<Manifest>, Error> {
        let Some(record) = self.manifest_record(digest)? else {
            return Ok(None);
        };
        let path = self.layout.manifest(&digest);
        let Some(bytes) = self.read_if_kept(digest)? else {
            return Ok(None);
        };
        let manifest = Manifest::parse(Some(record.media_type.as_str()), bytes);
        let defect = "the manifest is not what its record says";
        manifest
            .map(Some)
            .map_err(|_| Error::Damaged { path, defect })
    }

    /// The bytes of a manifest that was just found here; `None` when it was deleted, and collected, since.
    pub(super) fn read_if_kept(&self, digest: Digest) -> Result<Option<Bytes>, Error> {
        match self.read_manifest(digest) {
            Err(Error::Damaged { .. }) if !self.has_manifest(digest)? => Ok(None),
            read => read.map(Some),
        }
    }

    pub(crate) fn read_manifest(&self, digest: Digest) -> Result<Bytes, Error> {
        let damaged = |defect| Error::Damaged {
            path: self.shared.layout.blob(&digest),
            defect,
        };
        let reader = self.shared.blobs.open(digest)?;
        let reader =
            reader.ok_or_else(|| damaged("a manifest's record names it, and it is gone"))?;
        if reader.size() > MAX_MANIFEST as u64 {
            return Err(damaged("it is too large for a manifest"));
        }
        let bytes = reader.read_all()?;
        if Digest::of(digest.algorithm(), &bytes) == digest {
            Ok(bytes)
        } else {
            Err(damaged("its bytes have another digest"))
        }
    }

    pub(super) fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        let mut digests = walk::names(&self.layout.referrers(&subject), parse_flat_name)?;
        digests.sort_unstable();
        let mut referrers = Vec::with_capacity(digests.len());
        for digest in digests {
            // A mark without a record is a push that did not come to its end.
            if let Some(manifest) = self.parse_manifest(digest)? {
                referrers.push(manifest.referrer(digest));
            }
        }
        Ok(referrers)
    }
}

fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match open::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| Error::io("read", path, source))?,
    };
    let defect = "it is no record";
    let decoded = record::decode(&bytes);
    decoded.map(Some).ok_or_else(|| Error::Damaged {
        path: path.to_owned(),
        defect,
    })
}
