//! A release that is wanted: found, read, and believed only where it is signed.
//!
//! Owns that order. What is copied of it, and how, is the order's and the engine's. Invariant: of a
//! release that is not believed nothing is copied, and of one that is copied the signatures are kept
//! first.

use std::time::SystemTime;

use bytes::Bytes;
use roadstead_mirror::openshift::held::Note;
use roadstead_mirror::openshift::signature::{
    Collected, StoreFailure, Unverified, Verified, collect, judge,
};
use roadstead_mirror::openshift::{Arch, FindError, Layout, Payload, Release, ReleaseRef};
use roadstead_storage::oci::Digest;
use roadstead_storage::{Error as StoreError, Store};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tracing::{info, warn};

use crate::report::chain;
use crate::upstreams::{Login, Trust, Unusable, Upstreams};

/// A release that may be copied.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    /// What it is.
    pub(crate) release: Release,
    /// Where it goes.
    pub(crate) layout: Layout,
    /// Every signature of it that was found.
    signatures: Vec<Bytes>,
    /// Those of them that count.
    valid: Vec<Verified>,
}

/// A release, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReleaseSummary {
    /// Its version.
    pub(crate) version: String,
    /// What it is for, as tags have it.
    pub(crate) architecture: String,
    /// Its digest.
    pub(crate) digest: Digest,
    /// What it is at its registry.
    pub(crate) source: String,
    /// What it is here, without the address.
    pub(crate) destination: String,
    /// How many components it has.
    pub(crate) components: usize,
    /// How many signatures of it were found.
    pub(crate) signatures: usize,
    /// Whose of them count: the fingerprints of the keys.
    pub(crate) signed_by: Vec<String>,
}

/// Who looks for a release, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Seeker<'a> {
    /// Where content goes.
    pub(crate) store: &'a Store,
    /// Where it comes from.
    pub(crate) upstreams: &'a Upstreams,
    /// What is brought along to log in with.
    pub(crate) login: &'a Login,
    /// Whom to believe.
    pub(crate) trust: &'a Trust,
    /// Whether a release that nobody vouches for will do.
    pub(crate) allows_unsigned: bool,
    /// What time it is.
    pub(crate) now: SystemTime,
}

impl Seeker<'_> {
    /// Finds a release, and looks whether it is to be believed.
    ///
    /// # Errors
    /// When it cannot be found or read, or nobody who counts has signed it.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub(crate) async fn believe(self, name: ReleaseRef, layout: Layout) -> Result<Believed, Error> {
        let (upstreams, login) = (self.upstreams.clone(), self.login.clone());
        let registry = name.source().registry().to_owned();
        let remote = spawn_blocking(move || upstreams.remote(&registry, &login)).await??;
        let held = self.store.repo(&layout.images);
        let found = Release::find(name, &remote.client, held).await;
        let release = found.map_err(Box::new)?;
        let digest = release.digest();
        let held = self.store.signatures(digest).await?;
        let Collected {
            signatures,
            failures,
        } = collect(&self.trust.stores, held, &digest).await;
        let verdict = judge(&signatures, &digest, &self.trust.keyring, self.now);
        if verdict.valid.is_empty() {
            let unsigned = Unsigned {
                release: release.name().to_string(),
                refused: verdict.refused.into_iter().map(|(_, why)| why).collect(),
                failures,
            };
            if !self.allows_unsigned {
                return Err(Error::Unsigned(unsigned));
            }
            warn!(release = %release.name(), because = %unsigned, "Copying a release that nobody vouches for");
        }
        Ok(Believed {
            release,
            layout,
            signatures,
            valid: verdict.valid,
        })
    }
}

impl Believed {
    /// What it is called in short: `4.18.7-x86_64`.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.payload().version(), self.arch())
    }

    /// What it consists of.
    pub(crate) fn payload(&self) -> &Payload {
        self.release.payload()
    }

    /// What it is for.
    pub(crate) fn arch(&self) -> Arch {
        self.release.arch()
    }

    /// Keeps its signatures, and where it comes from.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Each signature is kept whole or not at all.
    pub(crate) async fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let digest = self.release.digest();
        for signature in &self.signatures {
            store.keep_signature(digest, signature.clone()).await?;
        }
        let note = Note {
            from: self.release.name().source().clone(),
            layout: self.layout.clone(),
        };
        note.keep(store, digest).await?;
        let signatures = self.signatures.len();
        info!(release = %self.release.name(), %digest, signatures, "Kept the signatures of a release");
        Ok(())
    }

    /// What is told of it.
    pub(crate) fn summary(&self) -> ReleaseSummary {
        let (payload, arch) = (self.payload(), self.arch());
        ReleaseSummary {
            version: payload.version().to_owned(),
            architecture: arch.to_string(),
            digest: self.release.digest(),
            source: self.release.name().to_string(),
            destination: format!("{}:{}-{arch}", self.layout.images, payload.name()),
            components: payload.components().len(),
            signatures: self.signatures.len(),
            signed_by: self
                .valid
                .iter()
                .map(|valid| valid.key.to_string())
                .collect(),
        }
    }
}

/// Why a release is not copied.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// It cannot be found or read.
    #[error(transparent)]
    Find(#[from] Box<FindError>),
    /// A fault of this program.
    #[error("the work ended by a fault of this program")]
    Panicked(#[from] JoinError),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody who counts has signed it.
    #[error("{0}")]
    Unsigned(Unsigned),
    /// Its registry cannot be used.
    #[error(transparent)]
    Upstream(#[from] Unusable),
}

impl Error {
    /// Whether its registry says that there is no such release.
    pub(crate) fn is_not_there(&self) -> bool {
        matches!(self, Self::Find(error) if matches!(**error, FindError::NotThere { .. }))
    }
}

/// A release that nobody vouches for.
#[derive(Debug)]
pub(crate) struct Unsigned {
    release: String,
    /// Why signatures of it do not count.
    refused: Vec<Unverified>,
    /// The stores that could not be asked.
    failures: Vec<StoreFailure>,
}

impl std::fmt::Display for Unsigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} has no signature that counts", self.release)?;
        for why in &self.refused {
            write!(f, "; one: {}", chain(why))?;
        }
        for failure in &self.failures {
            write!(f, "; could not {}", chain(failure))?;
        }
        Ok(())
    }
}
