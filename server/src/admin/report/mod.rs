//! What a command that was carried out has to tell.
//!
//! These are the documents of `--json`, so their fields are a promise to scripts. They cross the
//! admin socket, and are made from what the crates below say. Knows nothing of how they are printed.

mod cluster;
mod media;
mod mirror;
mod release;
mod store;

use std::time::SystemTime;

use roadstead_certs::{Details, State};
use roadstead_storage::oci::{Digest, RepoName, Tag};
use roadstead_storage::{Removal, Summary};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cluster::facts::Facts;
use crate::config::Config;
use crate::config::address::Address;

pub(crate) use self::cluster::PullAccount;
pub(crate) use self::media::{Exported, Imported, PlannedExport, PlannedImport};
pub(crate) use self::mirror::{
    About, Job, JobState, Jobs, Mirrored, Planned, Ran, RanJob, SampleStreams,
};
pub(crate) use self::release::{
    ComponentState, ComponentVersion, ExtractedTool, Filling, GoodSignature, MarkerName,
    ReleaseImage, ReleaseInfo, ReleaseLine, ReleaseList, RemovedRelease, ShownRelease,
    UselessSignature, VerifiedComponent, VerifiedRelease,
};
pub(crate) use self::store::{BackedUp, Collected, Reindexed, Scrubbed, StoreContent};

/// The outcome of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Of `StoreBackup`.
    BackedUp(BackedUp),
    /// Of `CaShow`, `CaRenew` and `CaRotate`.
    Certificates(Box<Certificates>),
    /// Of `ClusterFacts`.
    Cluster(Box<Facts>),
    /// Of `StoreGc`.
    Collected(Collected),
    /// Of `ConfigShow`.
    Config(ShownConfig),
    /// Of what has nothing to tell.
    Done,
    /// Of `MirrorExport`.
    Exported(Box<Exported>),
    /// Of `MirrorImport`.
    Imported(Box<Imported>),
    /// Of `ReleaseExtract`.
    Extracted(Box<ExtractedTool>),
    /// Of `CaIssue`.
    Issued(Issued),
    /// Of `MirrorStatus`.
    Jobs(Jobs),
    /// Of `MirrorImage`, `MirrorRelease` and `MirrorSamples`.
    Mirrored(Box<Mirrored>),
    /// Of those that were only planned.
    Planned(Box<Planned>),
    /// Of `ClusterAccount`.
    PullAccount(PullAccount),
    /// Of `MirrorExport` that was only planned.
    PlannedExport(Box<PlannedExport>),
    /// Of `MirrorImport` that was only planned.
    PlannedImport(Box<PlannedImport>),
    /// Of `MirrorRun`.
    Ran(Ran),
    /// Of `StoreReindex`.
    Reindexed(Reindexed),
    /// Of `ReleaseInfo`.
    Release(Box<ShownRelease>),
    /// Of `ReleaseList`.
    Releases(ReleaseList),
    /// Of `RepoRemove`.
    Removed(Removed),
    /// Of `ReleaseRemove`.
    RemovedRelease(RemovedRelease),
    /// Of `RepoList`.
    Repositories(Repositories),
    /// Of `RepoShow`.
    Repository(Repository),
    /// Of `StoreScrub`.
    Scrubbed(Scrubbed),
    /// Of `MirrorSamples` that only lists them.
    Streams(SampleStreams),
    /// Of `StoreStat`.
    Store(StoreContent),
    /// Of `CaTrust`.
    Trust(Trust),
    /// Of `UserList`.
    Users(Users),
    /// Of `ReleaseVerify`.
    Verified(Box<VerifiedRelease>),
}

/// All accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Users {
    /// In the order of the file.
    pub(crate) users: Vec<User>,
}

/// One account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    /// Its name.
    pub(crate) name: String,
    /// Whether it administers the registry.
    pub(crate) admin: bool,
    /// Whether it never does more than pull.
    #[serde(default, rename = "pullOnly", skip_serializing_if = "is_false")]
    pub(crate) pull_only: bool,
}

/// The certificates of the registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Certificates {
    /// What clients trust.
    pub(crate) authority: Certificate,
    /// What they trust besides, while a rotation overlaps.
    pub(crate) previous_authority: Option<Certificate>,
    /// What the server presents, if it has one yet.
    pub(crate) server: Option<ServerCertificate>,
}

/// One certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Certificate {
    /// Whom it is for.
    pub(crate) subject: String,
    /// Who signed it.
    pub(crate) issuer: String,
    /// The DNS names and addresses in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
    /// Its first moment, RFC 3339.
    pub(crate) not_before: String,
    /// Its last moment, RFC 3339.
    pub(crate) not_after: String,
    /// SHA-256 of it, as openssl prints it.
    pub(crate) fingerprint: String,
}

/// The certificate that the server presents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerCertificate {
    /// What it says.
    #[serde(flatten)]
    pub(crate) certificate: Certificate,
    /// Whether it is the administrator's own, which we do not renew.
    pub(crate) own: bool,
    /// When it will be renewed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renewal: Option<String>,
}

/// What clients must trust.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trust {
    /// One or two certificates.
    pub(crate) pem: String,
    /// How the registry is reached, where that is known.
    pub(crate) address: Option<Address>,
}

/// A certificate for another server. Goes to the owner of the store only, over a socket of mode 0600.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Issued {
    /// The certificate and what links it to the authority.
    pub(crate) chain: String,
    /// Its private key.
    pub(crate) key: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// All repositories.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Repositories {
    /// In the order of their names.
    pub(crate) repositories: Vec<RepositoryLine>,
}

/// One repository of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RepositoryLine {
    /// Its name.
    pub(crate) name: RepoName,
    /// How many tags it has.
    pub(crate) tags: u64,
    /// How many manifests it has, tagged or not.
    pub(crate) manifests: u64,
    /// Bytes of its content; what others hold too counts here as well.
    pub(crate) bytes: u64,
}

/// One repository in full.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Repository {
    /// Its name.
    pub(crate) name: RepoName,
    /// Its tags, in the order of their names.
    pub(crate) tags: Vec<TagLine>,
    /// How many manifests it has, tagged or not.
    pub(crate) manifests: u64,
    /// Bytes of its content; what others hold too counts here as well.
    pub(crate) bytes: u64,
    /// What its manifests refer to and it does not hold.
    pub(crate) missing: Vec<Digest>,
}

/// One tag.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagLine {
    /// Its name.
    pub(crate) name: Tag,
    /// What it names.
    pub(crate) digest: Digest,
    /// Since when, RFC 3339.
    pub(crate) set_at: String,
    /// Who set it.
    pub(crate) by: String,
}

/// What was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Removed {
    /// Whether it was only asked what a removal would do.
    pub(crate) dry_run: bool,
    /// Tags removed.
    pub(crate) tags: Vec<Tag>,
    /// Manifests removed.
    pub(crate) manifests: Vec<Digest>,
    /// Manifests that lose their last tag and stay.
    pub(crate) untagged: Vec<Digest>,
    /// Bytes that nothing needs any more.
    pub(crate) freed_bytes: u64,
}

/// The configuration as it is understood.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShownConfig {
    /// As a file would have it.
    pub(crate) toml: String,
    /// The same for scripts.
    pub(crate) json: serde_json::Value,
}

impl ShownConfig {
    /// Writes a configuration down.
    ///
    /// # Errors
    /// When a value has no form in TOML, which a path that is not UTF-8 has not.
    pub(crate) fn of(config: &Config) -> Result<Self, WriteConfig> {
        let toml = toml::to_string(config).map_err(|error| WriteConfig {
            source: error.into(),
        })?;
        let json = serde_json::to_value(config);
        let json = json.map_err(|error| WriteConfig {
            source: error.into(),
        })?;
        Ok(Self { toml, json })
    }
}

/// A configuration could not be written down.
#[derive(Debug, Error)]
#[error("write the configuration down")]
pub(crate) struct WriteConfig {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl From<&Details> for Certificate {
    fn from(details: &Details) -> Self {
        Self {
            subject: details.subject.clone(),
            issuer: details.issuer.clone(),
            names: details.names.iter().map(ToString::to_string).collect(),
            not_before: utc(details.validity.not_before),
            not_after: utc(details.validity.not_after),
            fingerprint: details.fingerprint.to_string(),
        }
    }
}

impl From<State> for ServerCertificate {
    fn from(state: State) -> Self {
        Self {
            certificate: (&state.certificate).into(),
            own: state.is_own,
            renewal: state.renewal.map(utc),
        }
    }
}

impl From<Summary> for RepositoryLine {
    fn from(summary: Summary) -> Self {
        Self {
            name: summary.name,
            tags: summary.tags.len() as u64,
            manifests: summary.manifests,
            bytes: summary.bytes,
        }
    }
}

impl From<Summary> for Repository {
    fn from(summary: Summary) -> Self {
        let tags = summary.tags.into_iter().map(|tag| TagLine {
            name: tag.name,
            digest: tag.digest,
            set_at: tag.set_at.into(),
            by: tag.by.to_string(),
        });
        Self {
            name: summary.name,
            tags: tags.collect(),
            manifests: summary.manifests,
            bytes: summary.bytes,
            missing: summary.missing,
        }
    }
}

impl Removed {
    /// Says whether the removal took place.
    pub(crate) fn new(removal: Removal, dry_run: bool) -> Self {
        Self {
            dry_run,
            tags: removal.tags,
            manifests: removal.manifests,
            untagged: removal.untagged,
            freed_bytes: removal.freed_bytes,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(it: &bool) -> bool {
    !it
}

fn utc(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
