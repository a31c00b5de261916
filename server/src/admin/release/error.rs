//! Why a command about releases has nothing to report, and what to do then.

use std::error::Error as StdError;

use roadstead_mirror::openshift::ReadError;
use roadstead_mirror::openshift::held;
use roadstead_mirror::openshift::tool::{System, Tool};
use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::Digest;
use thiserror::Error;
use tokio::task::JoinError;

use crate::admin::failure::{Exit, Failure};
use crate::admin::files;
use crate::upstreams::Untrustworthy;

/// Why there is nothing to report.
#[derive(Debug, Error)]
pub(in crate::admin) enum Error {
    #[error("use the caller's files")]
    Files(#[source] files::Error),
    #[error(transparent)]
    Held(#[from] held::Error),
    #[error("{} of the release is not here", digest)]
    Missing { digest: Digest },
    #[error("nobody said how this registry is reached, which the program has to name")]
    NoAddress,
    #[error("the release has no component {component}, in which it would be")]
    NoComponent { component: &'static str },
    #[error("the command came without a directory for it")]
    NoDirectory,
    #[error("releases for {arch} have no {tool} for {system}")]
    NoTool {
        tool: Tool,
        system: System,
        arch: roadstead_mirror::openshift::Arch,
    },
    #[error("take {path} out of the component {component}")]
    Read {
        component: &'static str,
        path: String,
        #[source]
        source: Box<ReadError>,
    },
    #[error("the work ended by a fault of this program")]
    Panicked(#[from] JoinError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Untrustworthy(#[from] Untrustworthy),
}

impl Error {
    /// The failure that this is for whoever attempted something.
    pub(in crate::admin) fn describe(&self, attempt: &str) -> Failure {
        let failure = Failure::because(attempt, self as &(dyn StdError + 'static));
        match self {
            Self::Held(held::Error::NotHeld { held, .. }) if held.is_empty() => failure.hint(
                "no release is held; `roadstead mirror release` brings one, \
                 `roadstead mirror import` takes one from media",
            ),
            Self::Held(held::Error::NotHeld { held, .. }) => failure.hint(format!(
                "held: {}; `roadstead release list` says more",
                shortened(held)
            )),
            Self::Held(held::Error::Several { places }) => {
                let hint = format!("name one of {}", shortened(places));
                failure.hint(hint).exit(Exit::Usage)
            }
            Self::Held(held::Error::NoRelease { .. }) => {
                failure.hint("`roadstead release list` shows what is one")
            }
            Self::Held(held::Error::Payload { .. } | held::Error::Gone { .. })
            | Self::Missing { .. }
            | Self::Read { .. } => failure.hint(
                "`roadstead release verify` names all that is missing or damaged; \
                 mirror the release again to have it",
            ),
            Self::NoAddress => failure.hint(
                "set `address` in the configuration, or take the original name with --source",
            ),
            Self::NoTool { .. } => failure
                .hint("--os says for which system; not every program is built for all")
                .exit(Exit::Usage),
            _ => failure,
        }
    }
}

/// A list for one line.
fn shortened(all: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    match all.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
