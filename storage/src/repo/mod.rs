//! One repository: its manifests, tags and referrers, and the blobs it may serve.
//!
//! The face of it, which waits, and [`mod@blobs`] for its blobs; [`files`] reads, [`mod@write`] changes,
//! [`usage`] counts, [`last_use`] notes what is asked for, [`memory`] keeps it at hand, [`several`] removes
//! what goes together. Changes of manifests and tags hold the repository's lock and run to their end on the
//! blocking pool, whatever becomes of the caller.

mod at_hand;
mod blobs;
mod files;
mod holding;
mod last_use;
mod memory;
mod prepared;
mod several;
mod stored;
mod usage;
mod write;

use std::sync::Arc;

pub use self::at_hand::AtHand;
pub(crate) use self::files::Files;
pub use self::holding::Holding;
pub(crate) use self::memory::Memory;
pub use self::prepared::Prepared;
pub use self::several::Going;
pub(crate) use self::several::freed;
pub use self::stored::{Record, Stored, TagState};
pub use self::usage::{Removal, Summary, TagSummary, Target};
use crate::blob::Blobs;
use crate::config::Config;
use crate::disk::Disk;
use crate::error::Error;
use crate::index::Index;
use crate::layout::Layout;
use crate::link::Links;
use crate::oci::{Descriptor, Digest, Manifest, Reference, RepoName, Tag};
use crate::pool::blocking;
use crate::record::{Origin, Principal};
use crate::repo_locks::RepoLocks;

/// A manifest to be stored.
#[derive(Debug, Clone)]
pub struct Put {
    /// The manifest.
    pub manifest: Manifest,
    /// What it is stored as; checked against the bytes.
    pub digest: Digest,
    /// Tags that shall name it; none is fine.
    pub tags: Vec<Tag>,
    /// How it came here.
    pub origin: Origin,
    /// Who brought it.
    pub by: Principal,
}

/// What storing a manifest did.
#[derive(Debug, Clone)]
pub struct PutOutcome {
    /// Content it refers to that this repository does not hold.
    pub missing: Vec<Digest>,
    /// Each tag set, and what it named before. A pull-through sets no tag that came in any other way.
    pub tags: Vec<(Tag, Option<Digest>)>,
}

/// What all repositories of a store share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) layout: Layout,
    pub(crate) disk: Arc<Disk>,
    pub(crate) blobs: Blobs,
    pub(crate) links: Links,
    pub(crate) index: Arc<Index>,
    pub(crate) locks: RepoLocks,
    pub(crate) memory: Memory,
}

/// A repository, there or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Repo(Files);

impl Repo {
    pub(crate) fn new(shared: Arc<Shared>, name: RepoName) -> Self {
        Self(Files::new(shared, name))
    }

    /// Its name.
    pub fn name(&self) -> &RepoName {
        &self.0.name
    }

    /// Whether anything was ever stored in it.
    ///
    /// # Errors
    /// None at present.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn exists(&self) -> Result<bool, Error> {
        self.run(|files| Ok(files.exists())).await
    }

    /// Reads a manifest. Its bytes were checked against its digest when they were read from the disk. One
    /// that came from an upstream and is damaged counts as not here: it can be had again.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the files contradict each other, and the file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn manifest(&self, reference: &Reference) -> Result<Option<Stored>, Error> {
        if let Some(at_hand) = self.at_hand(reference) {
            return Ok(Some(at_hand.stored().clone()));
        }
        let reference = reference.clone();
        self.run(move |files| files.read(&reference)).await
    }

    /// As [`manifest`](Self::manifest), from the disk even if it is at hand: for one who wants to know
    /// whether it is whole there.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn manifest_on_disk(&self, digest: Digest) -> Result<Option<Stored>, Error> {
        self.run(move |files| files.read(&Reference::Digest(digest)))
            .await
    }

    /// What is known of a manifest without reading it.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn manifest_record(&self, reference: &Reference) -> Result<Option<Record>, Error> {
        if let Some(at_hand) = self.at_hand(reference) {
            return Ok(Some(at_hand.record()));
        }
        let reference = reference.clone();
        self.run(move |files| Ok(files.find(&reference)?.map(|found| found.record)))
            .await
    }

    /// As [`manifest_record`](Self::manifest_record), for one who is likely to ask for the manifest next,
    /// or for this again: it is at hand from now on. A damaged one is not, and has a record all the same.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn announce(&self, reference: &Reference) -> Result<Option<Record>, Error> {
        if let Some(at_hand) = self.at_hand(reference) {
            return Ok(Some(at_hand.record()));
        }
        let reference = reference.clone();
        self.run(move |files| files.announce(&reference)).await
    }

    /// What a tag names at present.
    ///
    /// # Errors
    /// [`Error::Damaged`] when its record is, and the file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn tag(&self, tag: &Tag) -> Result<Option<TagState>, Error> {
        if let Some(state) = self.0.tag_at_hand(tag) {
            return Ok(Some(state));
        }
        let tag = tag.clone();
        self.run(move |files| files.tag(&tag)).await
    }

    /// Notes that the upstream of a tag has just said that it still names `digest`. Nothing happens when
    /// it names something else by now, or was pushed.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    ///
    /// # Cancel safety
    /// Once it holds the repository's lock it runs to its end.
    pub async fn confirm_tag(&self, tag: &Tag, digest: Digest) -> Result<(), Error> {
        let tag = tag.clone();
        self.change(move |files| files.confirm_tag(&tag, digest))
            .await
    }

    /// Stores a manifest and sets its tags. All of it is on disk when this returns.
    ///
    /// What the manifest refers to may be missing: the outcome says so.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::OverQuota`], [`Error::TagImmutable`] (then nothing was
    /// stored), and the file system's.
    ///
    /// # Cancel safety
    /// Once it holds the repository's lock it runs to its end, even when the future is dropped.
    pub async fn put_manifest(&self, put: Put) -> Result<PutOutcome, Error> {
        self.0.shared.blobs.space().counted().await?;
        self.change(move |files| files.put(&put)).await
    }

    /// Removes a tag; what it named stays. Whether there was one.
    ///
    /// # Errors
    /// [`Error::DeleteDisabled`], [`Error::TagImmutable`], and the file system's.
    ///
    /// # Cancel safety
    /// Once it holds the repository's lock it runs to its end.
    pub async fn delete_tag(&self, tag: &Tag) -> Result<bool, Error> {
        self.may_delete()?;
        let tag = tag.clone();
        self.change(move |files| {
            files.refuse_immutable(&tag)?;
            files
                .remove_tags(std::slice::from_ref(&tag))
                .map(|gone| gone > 0)
        })
        .await
    }

    /// Removes a manifest and every tag that names it: these tags, or `None` when there is no such
    /// manifest. Its children, its blobs and its referrers stay.
    ///
    /// # Errors
    /// [`Error::DeleteDisabled`], [`Error::TagImmutable`], and the file system's.
    ///
    /// # Cancel safety
    /// Once it holds the repository's lock it runs to its end.
    pub async fn delete_manifest(&self, digest: Digest) -> Result<Option<Vec<Tag>>, Error> {
        self.may_delete()?;
        self.change(move |files| {
            for tag in files.tags_of(digest)? {
                files.refuse_immutable(&tag)?;
            }
            files.delete(digest)
        })
        .await
    }

    /// Removes what the administrator of the machine asks for, or, on a `dry_run`, says what that would
    /// do; `None` when it is not there. Neither disabled deletes nor immutable tags stand in the way.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Once it holds the repository's lock it runs to its end.
    pub async fn remove(&self, target: Target, dry_run: bool) -> Result<Option<Removal>, Error> {
        self.change(move |files| {
            let removal = files.plan_removal(&target, &files.all()?)?;
            if removal.is_some() && !dry_run {
                match &target {
                    Target::All => files.remove_all()?,
                    Target::Manifest(digest) => files.delete(*digest).map(drop)?,
                    Target::Tag(tag) => files.remove_tags(std::slice::from_ref(tag)).map(drop)?,
                }
            }
            Ok(removal)
        })
        .await
    }

    /// All tags in byte order; `None` when there is no such repository.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn tags(&self) -> Result<Option<Vec<Tag>>, Error> {
        self.run(Files::sorted_tags).await
    }

    /// The digests of all manifests, tagged or not, in order; none when there is no such repository.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn manifests(&self) -> Result<Vec<Digest>, Error> {
        self.run(|files| {
            let mut digests = files.manifest_digests()?;
            digests.sort_unstable();
            Ok(digests)
        })
        .await
    }

    /// What the repository holds; `None` when there is no such repository.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn describe(&self) -> Result<Option<Summary>, Error> {
        self.run(Files::summary).await
    }

    /// Describes the manifests whose subject is `subject`, in the order of their digests.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        self.run(move |files| files.referrers(subject)).await
    }

    fn may_delete(&self) -> Result<(), Error> {
        if self.0.shared.config.delete {
            Ok(())
        } else {
            Err(Error::DeleteDisabled)
        }
    }

    /// Runs on the blocking pool.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let files = self.0.clone();
        blocking(move || work(&files)).await
    }

    /// Runs on the blocking pool under the repository's lock, which goes along with the work.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let guard = self.0.shared.locks.lock(&self.0.name).await;
        let files = self.0.clone();
        blocking(move || {
            let done = work(&files);
            drop(guard);
            done
        })
        .await
    }
}
