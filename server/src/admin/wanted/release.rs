//! What a command wants of releases and of their samples, as data that crosses the admin socket.
//!
//! Knows nothing of flags, nor of how it is brought.

use std::fmt::{self, Display, Formatter};

use roadstead_mirror::openshift::{Arch, ReleaseRef};
use roadstead_storage::oci::RepoName;
use serde::{Deserialize, Serialize};

use crate::admin::release::trust::GivenTrust;
use crate::admin::text;
use crate::admin::wanted::{AuthFile, Destination};

/// A release that is to be copied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WantedRelease {
    /// Which.
    #[serde(with = "text::one")]
    pub(crate) release: ReleaseRef,
    /// The one repository for all of it; two, if nothing is said.
    pub(crate) to: Option<Destination>,
    /// Whom to believe that it is one.
    pub(crate) trust: GivenTrust,
    /// Whether it is only to be said what would be copied.
    pub(crate) dry_run: bool,
    /// What to log in with.
    pub(crate) auth: Option<AuthFile>,
}

impl Display for WantedRelease {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "the release {}", self.release)
    }
}

/// Samples that are to be copied, or listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WantedSamples {
    /// What says which there are.
    pub(crate) listed_by: SamplesOf,
    /// Which streams.
    pub(crate) streams: WantedStreams,
    /// What stands before their names here.
    pub(crate) to: Option<RepoName>,
    /// Whether it is only to be said what would be copied.
    pub(crate) dry_run: bool,
    /// What to log in with.
    pub(crate) auth: Option<AuthFile>,
}

/// Who knows which samples there are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SamplesOf {
    /// A cluster, by its config map of them.
    ConfigMap {
        /// The text of the file, YAML or JSON.
        text: String,
    },
    /// A release.
    Release {
        /// Which.
        #[serde(with = "text::one")]
        release: ReleaseRef,
        /// For which architecture; for the release's own, if nothing is said.
        #[serde(with = "text::optional")]
        arch: Option<Arch>,
        /// Whom to believe that it is one.
        trust: GivenTrust,
    },
}

/// Which streams of samples are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WantedStreams {
    /// All.
    All,
    /// These.
    Named(Vec<String>),
    /// None: it is to be said which there are.
    None,
}

impl Display for WantedSamples {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.listed_by {
            SamplesOf::ConfigMap { .. } => f.write_str("the samples of the config map"),
            SamplesOf::Release { release, .. } => write!(f, "the samples of {release}"),
        }
    }
}
