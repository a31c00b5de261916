//! A program that is wanted from a release, as data that crosses the admin socket.
//!
//! Knows nothing of where it lies.

use std::fmt::{self, Display, Formatter};

use roadstead_mirror::openshift::held::HeldRef;
use roadstead_mirror::openshift::tool::{System, Tool};
use serde::{Deserialize, Serialize};

use crate::admin::text;

/// A program of a release. It goes into the directory of the command's files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WantedTool {
    /// Of which release.
    #[serde(with = "text::one")]
    pub(crate) release: HeldRef,
    /// Which.
    #[serde(with = "text::one")]
    pub(crate) tool: Tool,
    /// For which system; the release's own if nothing is said.
    #[serde(with = "text::list")]
    pub(crate) system: Vec<System>,
    /// Whether it is to name the release as its source does, and not as this registry does.
    pub(crate) from_source: bool,
}

impl Display for WantedTool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the release {}", self.tool, self.release)
    }
}
