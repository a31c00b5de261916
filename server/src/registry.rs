//! What may be done with a grant: the registry's operations, each behind the right it needs.
//!
//! Owns the difference between "unknown here" and "unknown repository", the pages of listings, and
//! the audit log. It knows neither HTTP nor how a grant is earned. Invariant: every operation on a
//! repository takes its [`Grant`]; code that forgets to ask for one does not compile.

use std::sync::Arc;

use roadstead_mirror::{
    Blob, Error as UpstreamError, Found as Known, Given, Place, PullThrough, Stale,
};
use roadstead_storage::oci::{Algorithm, Descriptor, Digest, Manifest, Reference, RepoName, Tag};
use roadstead_storage::{
    BlobReader, Error as StoreError, FetchReader, Origin, Principal, Put, PutOutcome, Record, Repo,
    Store, Stored, Upload, UploadId,
};
use thiserror::Error;
use tracing::info;

use crate::auth::grant::{Delete, Grant, Listing, Pull, Push};
use crate::upstreams::Upstreams;

/// Repositories that are asked whether a mount without `from` may come from them.
const MOUNT_CANDIDATES: usize = 64;
/// Names read from the index at once while a page of the catalog is filled.
const CATALOG_BATCH: usize = 1000;

/// The registry; clones share it.
#[derive(Clone)]
pub(crate) struct Registry {
    store: Store,
    upstreams: Upstreams,
}

/// A blob, to be read.
#[derive(Debug)]
pub(crate) enum Content {
    /// On its way from an upstream.
    Arriving(FetchReader),
    /// Here.
    Held(BlobReader),
}

/// A manifest, and how fresh it is.
#[derive(Debug)]
pub(crate) struct Found {
    /// The manifest.
    pub(crate) stored: Stored,
    /// Set when its upstream does not say whether its tag still names it.
    pub(crate) stale: Option<Stale>,
}

/// A part of a listing.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    /// In byte order.
    pub(crate) entries: Vec<T>,
    /// Whether anything comes after them.
    pub(crate) more: bool,
}

/// An operation failed, or what it asks for is not here.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The repository may not serve that blob.
    #[error("blob {digest} is unknown in {repo}")]
    BlobUnknown {
        /// Asked for.
        digest: Digest,
        /// Of this repository.
        repo: RepoName,
    },
    /// The repository has no such tag or manifest.
    #[error("manifest {reference} is unknown in {repo}")]
    ManifestUnknown {
        /// Asked for.
        reference: Reference,
        /// Of this repository.
        repo: RepoName,
    },
    /// Nothing was ever stored under that name.
    #[error("repository {repo} is unknown")]
    NameUnknown {
        /// The name.
        repo: RepoName,
    },
    /// The repository has what an upstream has, and nothing else.
    #[error("the repository mirrors {upstream}")]
    Mirrored {
        /// The upstream.
        upstream: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not here, and its upstream does not give it.
    #[error("ask the upstream")]
    Upstream {
        /// What the upstream said, or what keeps it from saying something.
        source: Arc<UpstreamError>,
    },
}

impl Registry {
    /// A registry over an open store.
    pub(crate) fn new(store: Store, upstreams: Upstreams) -> Self {
        Self { store, upstreams }
    }

    /// The one name of the repository that a request means by `name`, in the `namespace` of another
    /// registry that it takes us for, if it does.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn meant(
        &self,
        name: RepoName,
        namespace: Option<&str>,
    ) -> Result<RepoName, Error> {
        let sources = self.upstreams.sources();
        if let Some(meant) = namespace.and_then(|namespace| sources.meant(&name, namespace)) {
            // What lies here under its own name is not hidden by a namespace that nobody knows.
            let is_known = sources.find(&meant).is_some();
            if is_known || self.store.repo(&meant).exists().await? {
                return Ok(meant);
            }
        }
        Ok(sources.canonical(&name))
    }

    /// Whether clients may push to a repository: what comes from an upstream shall be what that has.
    ///
    /// # Errors
    /// [`Error::Mirrored`] names the upstream.
    pub(crate) fn writable(&self, name: &RepoName) -> Result<(), Error> {
        match self.upstreams.sources().find(name) {
            Some(Known { source, .. }) if !source.writable => Err(Error::Mirrored {
                upstream: source.name.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// What fetches what is missing in a repository, for whoever has the grant.
    fn filler(&self, grant: &Grant<Pull>) -> Option<(Arc<PullThrough>, Place)> {
        let sources = self.upstreams.sources();
        let Known { source, place } = sources.find(grant.repo())?;
        let may_fill = source.anonymous_fill || !grant.is_anonymous();
        let fills = may_fill && source.allows(&place.remote);
        fills.then(|| (Arc::clone(&source.pull_through), place))
    }

    /// Why the registry cannot do its whole work, if so; for those who look after it.
    pub(crate) fn impairment(&self) -> Option<&str> {
        self.store.read_only()
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// When it is not in this repository, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn blob(&self, grant: &Grant<Pull>, digest: Digest) -> Result<Content, Error> {
        let repo = self.store.repo(grant.repo());
        if let Some(blob) = repo.blob(digest).await? {
            return Ok(Content::Held(blob));
        }
        let Some((upstream, place)) = self.filler(grant) else {
            return Err(blob_unknown(&repo, digest).await?);
        };
        match upstream.blob(&place, digest).await {
            Ok(Blob::Held(blob)) => Ok(Content::Held(blob)),
            Ok(Blob::Arriving(reader)) => Ok(Content::Arriving(reader)),
            Err(error) if error.is_not_found() => Err(blob_unknown(&repo, digest).await?),
            Err(source) => Err(Error::Upstream { source }),
        }
    }

    /// The size of a blob in bytes.
    ///
    /// # Errors
    /// As [`Registry::blob`].
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn blob_size(
        &self,
        grant: &Grant<Pull>,
        digest: Digest,
    ) -> Result<u64, Error> {
        let repo = self.store.repo(grant.repo());
        if let Some(size) = repo.blob_size(digest).await? {
            return Ok(size);
        }
        match self.blob(grant, digest).await? {
            Content::Held(blob) => Ok(blob.size()),
            Content::Arriving(mut reader) => Ok(reader.size().await?),
        }
    }

    /// Serves a blob no more from this repository.
    ///
    /// # Errors
    /// When it is not in this repository, and the store's.
    ///
    /// # Cancel safety
    /// Once begun the deletion runs to its end.
    pub(crate) async fn delete_blob(
        &self,
        grant: &Grant<Delete>,
        digest: Digest,
    ) -> Result<(), Error> {
        let repo = self.store.repo(grant.repo());
        if !repo.unlink_blob(digest).await? {
            return Err(blob_unknown(&repo, digest).await?);
        }
        info!(target: "audit", by = %grant.principal(), repo = %grant.repo(), %digest, "Deleted a blob");
        Ok(())
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is not in this repository, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn manifest(
        &self,
        grant: &Grant<Pull>,
        reference: &Reference,
    ) -> Result<Found, Error> {
        let repo = self.store.repo(grant.repo());
        let filler = self.filler(grant);
        if let (Some((upstream, place)), Reference::Tag(tag)) = (&filler, reference) {
            // It knows whether what is held is still good.
            let given = upstream.tag(place, tag).await;
            return self.given(&repo, reference, given).await;
        }
        if let Some(stored) = repo.manifest(reference).await? {
            return Ok(Found {
                stored,
                stale: None,
            });
        }
        match (filler, reference) {
            (Some((upstream, place)), Reference::Digest(digest)) => {
                let given = upstream.manifest(&place, *digest).await;
                self.given(&repo, reference, given).await
            }
            _ => Err(manifest_unknown(&repo, reference).await?),
        }
    }

    async fn given(
        &self,
        repo: &Repo,
        reference: &Reference,
        given: Result<Given, Arc<UpstreamError>>,
    ) -> Result<Found, Error> {
        match given {
            Ok(Given { stored, stale }) => Ok(Found { stored, stale }),
            Err(error) if error.is_not_found() => Err(manifest_unknown(repo, reference).await?),
            Err(source) => Err(Error::Upstream { source }),
        }
    }

    /// What is known of a manifest without reading it.
    ///
    /// # Errors
    /// As [`Registry::manifest`].
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn manifest_record(
        &self,
        grant: &Grant<Pull>,
        reference: &Reference,
    ) -> Result<(Record, Option<Stale>), Error> {
        let repo = self.store.repo(grant.repo());
        let is_followed = matches!(reference, Reference::Tag(_)) && self.filler(grant).is_some();
        if !is_followed && let Some(record) = repo.manifest_record(reference).await? {
            return Ok((record, None));
        }
        let Found { stored, stale } = self.manifest(grant, reference).await?;
        let record = Record {
            digest: stored.digest,
            media_type: stored.media_type,
            size: stored.bytes.len() as u64,
        };
        Ok((record, stale))
    }

    /// Stores a manifest and sets its tags, all of it on disk when this returns.
    ///
    /// # Errors
    /// The store's: another digest than its bytes have, an immutable tag, a full disk.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end; only the audit line may then be missing.
    pub(crate) async fn put_manifest(
        &self,
        grant: &Grant<Push>,
        manifest: Manifest,
        digest: Digest,
        tags: Vec<Tag>,
    ) -> Result<PutOutcome, Error> {
        let by = grant.principal().clone();
        let put = Put {
            manifest,
            digest,
            tags,
            origin: Origin::Pushed,
            by,
        };
        let outcome = self.store.repo(grant.repo()).put_manifest(put).await?;
        audit_push(grant.principal(), grant.repo(), digest, &outcome);
        Ok(outcome)
    }

    /// Removes a tag, or a manifest with every tag that names it.
    ///
    /// # Errors
    /// When it is not in this repository, and the store's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end; only the audit line may then be missing.
    pub(crate) async fn delete_manifest(
        &self,
        grant: &Grant<Delete>,
        reference: &Reference,
    ) -> Result<(), Error> {
        let (by, name) = (grant.principal(), grant.repo());
        let repo = self.store.repo(name);
        match reference {
            Reference::Tag(tag) => {
                if repo.delete_tag(tag).await? {
                    info!(target: "audit", %by, repo = %name, %tag, "Deleted a tag");
                    return Ok(());
                }
            }
            Reference::Digest(digest) => {
                if let Some(tags) = repo.delete_manifest(*digest).await? {
                    for tag in tags {
                        info!(target: "audit", %by, repo = %name, %tag, %digest, "Deleted a tag");
                    }
                    info!(target: "audit", %by, repo = %name, %digest, "Deleted a manifest");
                    return Ok(());
                }
            }
        }
        Err(manifest_unknown(&repo, reference).await?)
    }

    /// Up to `limit` tags after `after`.
    ///
    /// # Errors
    /// When the repository is unknown, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn tags(
        &self,
        grant: &Grant<Pull>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<Tag>, Error> {
        let repo = grant.repo();
        let tags = self.store.repo(repo).tags().await?;
        let tags = tags.ok_or_else(|| Error::NameUnknown { repo: repo.clone() })?;
        let begin = after.map_or(0, |after| tags.partition_point(|tag| tag.as_str() <= after));
        let more = limit > 0 && tags.len() - begin > limit;
        let entries = tags.into_iter().skip(begin).take(limit).collect();
        Ok(Listed { entries, more })
    }

    /// Describes the manifests whose subject is `subject`; none for what is unknown.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn referrers(
        &self,
        grant: &Grant<Pull>,
        subject: Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        Ok(self.store.repo(grant.repo()).referrers(subject).await?)
    }

    /// Up to `limit` repositories after `after` that the listing shows.
    ///
    /// # Errors
    /// The store's; [`StoreError::IndexNotReady`] while the index is being rebuilt.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn catalog(
        &self,
        listing: &Listing,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<RepoName>, Error> {
        let mut entries: Vec<RepoName> = Vec::new();
        let mut after = after.map(str::to_owned);
        let mut exhausted = limit == 0;
        // One more than asked for tells whether there is more.
        while !exhausted && entries.len() <= limit {
            let batch = self
                .store
                .repositories(after.as_deref(), CATALOG_BATCH)
                .await?;
            exhausted = batch.is_empty();
            after = batch.last().map(RepoName::to_string);
            let shown = batch.into_iter().filter(|name| listing.shows(name));
            entries.extend(shown.take(limit + 1 - entries.len()));
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(Listed { entries, more })
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// A session that was begun and that nobody was told of is left to collection.
    pub(crate) async fn begin_upload(
        &self,
        grant: &Grant<Push>,
        algorithm: Algorithm,
    ) -> Result<UploadId, Error> {
        let begun = self
            .store
            .begin_upload(grant.repo(), grant.principal(), algorithm)
            .await;
        Ok(begun?)
    }

    /// Takes an upload for this request.
    ///
    /// # Errors
    /// The store's: also when the upload is somebody else's or another repository's.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn upload(&self, grant: &Grant<Push>, id: UploadId) -> Result<Upload, Error> {
        Ok(self
            .store
            .upload(grant.repo(), id, grant.principal())
            .await?)
    }

    /// Serves from now on a blob that `from` serves. False when it does not.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub(crate) async fn mount(
        &self,
        grant: &Grant<Push>,
        digest: Digest,
        from: &Grant<Pull>,
    ) -> Result<bool, Error> {
        Ok(self
            .store
            .repo(grant.repo())
            .mount(digest, from.repo())
            .await?)
    }

    /// Repositories that may hold a blob, for a mount that does not say from where. The caller may
    /// be told of those only for which they hold a grant.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn holders(&self, digest: Digest) -> Vec<RepoName> {
        self.store
            .repositories_holding(digest, MOUNT_CANDIDATES)
            .await
    }
}

/// Says which of the two is unknown: the blob or its repository.
async fn blob_unknown(repo: &Repo, digest: Digest) -> Result<Error, StoreError> {
    let name = repo.name().clone();
    Ok(if repo.exists().await? {
        Error::BlobUnknown { digest, repo: name }
    } else {
        Error::NameUnknown { repo: name }
    })
}

/// Says which of the two is unknown: the manifest or its repository.
async fn manifest_unknown(repo: &Repo, reference: &Reference) -> Result<Error, StoreError> {
    let name = repo.name().clone();
    Ok(if repo.exists().await? {
        Error::ManifestUnknown {
            reference: reference.clone(),
            repo: name,
        }
    } else {
        Error::NameUnknown { repo: name }
    })
}

fn audit_push(by: &Principal, repo: &RepoName, digest: Digest, outcome: &PutOutcome) {
    if outcome.tags.is_empty() {
        info!(target: "audit", %by, %repo, %digest, "Pushed a manifest");
    }
    for (tag, before) in &outcome.tags {
        match before {
            Some(from) if *from != digest => {
                info!(target: "audit", %by, %repo, %tag, %from, to = %digest, "Moved a tag");
            }
            _ => info!(target: "audit", %by, %repo, %tag, %digest, "Pushed a tag"),
        }
    }
}
