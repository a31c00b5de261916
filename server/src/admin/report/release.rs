//! What is told of releases that are held.
//!
//! What one consists of has the form in which `oc adm release info` tells it, so that scripts need not care
//! who was asked.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_mirror::openshift::held::{Removal, Verified, VerifiedImage};
use roadstead_mirror::openshift::signature;
use roadstead_storage::oci::{Digest, RepoName, Tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All releases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReleaseList {
    /// By version and architecture.
    pub(crate) releases: Vec<ReleaseLine>,
}

/// One release of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReleaseLine {
    /// Its version.
    pub(crate) version: String,
    /// What it is for.
    pub(crate) arch: String,
    /// Its image by tag.
    pub(crate) image: String,
    /// Its image.
    pub(crate) digest: Digest,
    /// Where its components lie.
    pub(crate) components: RepoName,
    /// Where it came from.
    pub(crate) from: String,
}

/// One release in full.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShownRelease {
    /// What it calls itself.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its image by digest.
    pub(crate) pull_from: String,
    /// How many documents a cluster is made of.
    pub(crate) manifests: u64,
    /// How many documents describe the release.
    pub(crate) metadata_files: u64,
    /// Its components, by name.
    pub(crate) images: Vec<ReleaseImage>,
    /// The document for scripts.
    pub(crate) info: ReleaseInfo,
}

/// A component of a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReleaseImage {
    /// Its name.
    pub(crate) name: String,
    /// Its image.
    pub(crate) digest: Digest,
}

/// What a release consists of, key by key as `oc adm release info -o json` has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReleaseInfo {
    /// Its image by tag.
    pub(crate) image: String,
    /// Its image: the list, where it is one.
    pub(crate) digest: Digest,
    /// The image that its payload is in.
    pub(crate) content_digest: Digest,
    /// The list that it was chosen from, or nothing.
    pub(crate) list_digest: String,
    /// What the image says of itself.
    pub(crate) config: Value,
    /// `release-metadata`.
    pub(crate) metadata: Option<Value>,
    /// `image-references`.
    pub(crate) references: Value,
    /// The versions of what it is made of.
    pub(crate) versions: Option<BTreeMap<String, String>>,
    /// The same with names for people.
    pub(crate) display_versions: Option<BTreeMap<String, ComponentVersion>>,
    /// Always empty.
    pub(crate) versions_tags: BTreeMap<String, String>,
    /// Always nothing: components are not looked into.
    pub(crate) images: Option<Value>,
    /// Always nothing.
    pub(crate) warnings: Option<Vec<String>>,
}

/// The version of something that a release is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ComponentVersion {
    /// The version.
    pub(crate) version: String,
    /// What people call the thing, if it has another name than that.
    pub(crate) display_name: String,
}

/// What became of reading all of a release again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedRelease {
    /// Its image by tag.
    pub(crate) image: String,
    /// Its image.
    pub(crate) digest: Digest,
    /// Whether all of it is here and as it was.
    pub(crate) whole: bool,
    /// Whether a key that is trusted vouches for it.
    pub(crate) signed: bool,
    /// The release image, and then its components.
    pub(crate) images: Vec<VerifiedComponent>,
    /// The signatures that vouch for it.
    pub(crate) signatures: Vec<GoodSignature>,
    /// Those that do not.
    pub(crate) useless_signatures: Vec<UselessSignature>,
    /// Bytes that were read.
    pub(crate) bytes: u64,
}

/// What became of one image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VerifiedComponent {
    /// Its name.
    pub(crate) name: String,
    /// Its digest.
    pub(crate) digest: Digest,
    /// How it stands.
    pub(crate) state: ComponentState,
    /// What of it is not here.
    pub(crate) missing: BTreeSet<Digest>,
    /// What of it is not what it was.
    pub(crate) damaged: BTreeSet<Digest>,
}

/// How an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ComponentState {
    /// Something of it is not what it was.
    Damaged,
    /// Something of it is not here.
    Missing,
    /// All is here and as it was.
    Ok,
}

/// A signature that vouches for a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GoodSignature {
    /// Whose, by the fingerprint of the key.
    pub(crate) key: String,
    /// When it was made, RFC 3339.
    pub(crate) made_at: String,
    /// What the signer calls the release.
    pub(crate) reference: String,
}

/// A signature that vouches for nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UselessSignature {
    /// Which of those that are held, from one on.
    pub(crate) number: usize,
    /// Why.
    pub(crate) because: String,
}

/// What was removed with a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemovedRelease {
    /// Whether it was only asked what a removal would do.
    pub(crate) dry_run: bool,
    /// Its image by tag.
    pub(crate) image: String,
    /// Its image.
    pub(crate) digest: Digest,
    /// From each repository.
    pub(crate) repositories: Vec<RemovedPart>,
    /// Components that stay, because something else needs them.
    pub(crate) kept: BTreeSet<Digest>,
    /// How many release signatures went.
    pub(crate) signatures: usize,
    /// Bytes that nothing needs any more.
    pub(crate) freed_bytes: u64,
}

/// What was removed from one repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RemovedPart {
    /// Which.
    pub(crate) name: RepoName,
    /// Tags removed.
    pub(crate) tags: BTreeSet<Tag>,
    /// Manifests removed.
    pub(crate) manifests: BTreeSet<Digest>,
}

/// A program that lies unfinished in the directory of whoever gave the command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExtractedTool {
    /// What it is to be called.
    pub(crate) name: String,
    /// A second name for it.
    pub(crate) other_name: Option<String>,
    /// What it is called until then.
    pub(crate) partial: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// When it was made, in seconds since 1970.
    pub(crate) modified: u64,
    /// What it runs on.
    pub(crate) system: String,
    /// The version of the release.
    pub(crate) version: String,
    /// What is to be written into it.
    pub(crate) fillings: Vec<Filling>,
}

/// Something to be written into a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Filling {
    /// In place of what.
    pub(crate) marker: MarkerName,
    /// What.
    pub(crate) value: String,
}

/// The places in a program that are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MarkerName {
    /// What the release is for.
    Architecture,
    /// The release image.
    Image,
    /// The version of the release.
    Version,
}

impl VerifiedRelease {
    /// What was found; the signatures are those that vouch for it, and the others.
    pub(crate) fn new(
        image: String,
        digest: Digest,
        verified: Verified,
        signatures: (Vec<GoodSignature>, Vec<UselessSignature>),
    ) -> Self {
        let whole = verified.is_whole();
        let images = verified.images.into_iter().map(VerifiedComponent::from);
        let (good, useless) = signatures;
        Self {
            image,
            digest,
            whole,
            signed: !good.is_empty(),
            images: images.collect(),
            signatures: good,
            useless_signatures: useless,
            bytes: verified.bytes,
        }
    }
}

impl From<VerifiedImage> for VerifiedComponent {
    fn from(image: VerifiedImage) -> Self {
        let state = if !image.damaged.is_empty() {
            ComponentState::Damaged
        } else if !image.missing.is_empty() {
            ComponentState::Missing
        } else {
            ComponentState::Ok
        };
        Self {
            name: image.name,
            digest: image.digest,
            state,
            missing: image.missing,
            damaged: image.damaged,
        }
    }
}

impl From<signature::Verified> for GoodSignature {
    fn from(verified: signature::Verified) -> Self {
        Self {
            key: verified.key.to_string(),
            made_at: humantime::format_rfc3339_seconds(verified.made_at).to_string(),
            reference: verified.reference,
        }
    }
}

impl RemovedRelease {
    /// Says whether the removal took place.
    pub(crate) fn new(image: String, digest: Digest, removal: Removal, dry_run: bool) -> Self {
        let parts = removal.from.into_iter().map(|(name, going)| RemovedPart {
            name,
            tags: going.tags,
            manifests: going.manifests,
        });
        Self {
            dry_run,
            image,
            digest,
            repositories: parts.collect(),
            kept: removal.kept,
            signatures: removal.signatures,
            freed_bytes: removal.freed_bytes,
        }
    }
}
