//! Changes: uploads, mounts, manifests with their tags, deletes. Who changed what is logged.

use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference, RepoName, Tag};
use roadstead_storage::{Batch, Origin, Principal, Put, PutOutcome, Upload, UploadId};
use tracing::info;

use super::{Error, Registry, blob_unknown, manifest_unknown};
use crate::auth::grant::{Delete, Grant, Pull, Push};

/// Repositories that are asked whether a mount without `from` may come from them.
const MOUNT_CANDIDATES: usize = 64;

impl Registry {
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
            .begin_upload(grant.repo(), &grant.principal(), algorithm)
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
            .upload(grant.repo(), id, &grant.principal())
            .await?)
    }

    /// Takes a small blob whole, without an upload.
    ///
    /// # Errors
    /// The store's: also when it has another digest. Nothing is left of it then.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub(crate) async fn put_blob(
        &self,
        grant: &Grant<Push>,
        digest: Digest,
        content: Batch,
    ) -> Result<(), Error> {
        let repo = self.store.repo(grant.repo());
        Ok(repo.put_blob(digest, content).await?)
    }

    /// Appends the last of an upload, which is little, and makes all of it a blob.
    ///
    /// # Errors
    /// The store's: also when the upload is somebody else's or another repository's, and when the content
    /// has another digest: the upload is gone then.
    ///
    /// # Cancel safety
    /// Once it has the upload it runs to its end.
    pub(crate) async fn finish_upload(
        &self,
        grant: &Grant<Push>,
        id: UploadId,
        last: Batch,
        digest: Digest,
    ) -> Result<(), Error> {
        let (repo, owner) = (grant.repo(), grant.principal());
        self.store
            .finish_upload(repo, id, &owner, last, digest)
            .await?;
        Ok(())
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
        let by = grant.principal();
        let put = Put {
            manifest,
            digest,
            tags,
            origin: Origin::Pushed,
            by,
        };
        let outcome = self.store.repo(grant.repo()).put_manifest(put).await?;
        audit_push(&grant.principal(), grant.repo(), digest, &outcome);
        Ok(outcome)
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
