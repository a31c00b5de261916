//! Whether a release is whole and vouched for, and taking it away.
//!
//! Owns what counts as verified: every byte as it was, and a signature by a key that is trusted.

use roadstead_mirror::openshift::held::{HeldRef, remove, resolve, verify};
use roadstead_mirror::openshift::signature::judge;
use roadstead_storage::Progress;
use tokio::task::spawn_blocking;
use tracing::info;

use super::trust::GivenTrust;
use super::{Error, Releases};
use crate::admin::report::{
    GoodSignature, RemovedRelease, Report, UselessSignature, VerifiedRelease,
};

impl Releases<'_> {
    /// Reads all of a release again, and judges its signatures.
    pub(in crate::admin) async fn verify(
        &self,
        wanted: &HeldRef,
        given: GivenTrust,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Report, Error> {
        let trust = self.trust.clone();
        let trust = spawn_blocking(move || trust.with(&given)).await??;
        let release = resolve(self.store, wanted).await?;
        let signatures = self.store.signatures(release.digest).await?;
        let verdict = judge(&signatures, &release.digest, &trust.keyring, self.now);
        let verified = verify(self.store, &release, progress).await?;
        let good = verdict.valid.into_iter().map(GoodSignature::from);
        let useless = verdict
            .refused
            .iter()
            .map(|(number, because)| UselessSignature {
                number: *number,
                because: because.to_string(),
            });
        Ok(Report::Verified(Box::new(VerifiedRelease::new(
            format!("{}:{}", self.place(&release), release.tag),
            release.digest,
            verified,
            (good.collect(), useless.collect()),
        ))))
    }

    /// Removes a release, or says what that would do.
    pub(in crate::admin) async fn remove(
        &self,
        wanted: &HeldRef,
        dry_run: bool,
    ) -> Result<Report, Error> {
        let release = resolve(self.store, wanted).await?;
        let removal = remove(self.store, &release, dry_run).await?;
        if !dry_run {
            for (repository, going) in &removal.from {
                let (tags, manifests) = (going.tags.len(), going.manifests.len());
                info!(target: "audit", %repository, tags, manifests, release = %release.tag,
                    "Removed by command");
            }
        }
        let image = format!("{}:{}", self.place(&release), release.tag);
        let removed = RemovedRelease::new(image, release.digest, removal, dry_run);
        Ok(Report::RemovedRelease(removed))
    }
}
