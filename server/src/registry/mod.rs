//! What may be done with a grant: the registry's operations, each behind the right it needs.
//!
//! Owns the difference between "unknown here" and "unknown repository", the pages of listings, and
//! the audit log. It knows neither HTTP nor how a grant is earned. Invariant: every operation on a
//! repository takes its [`Grant`]; code that forgets to ask for one does not compile.

mod listing;
mod pull;
mod push;

use std::sync::Arc;

use roadstead_mirror::{
    Error as UpstreamError, Found as Known, Passing, Place, PullThrough, Stale,
};
use roadstead_storage::oci::{Digest, MediaType, Reference, RepoName};
use roadstead_storage::{BlobReader, Error as StoreError, FetchReader, Repo, Store, Stored};
use thiserror::Error;

use crate::auth::grant::{Grant, Pull};
use crate::upstreams::Upstreams;

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
    /// On its way from an upstream, and not to be kept, for there is no room.
    Passing(Box<Passing>),
}

/// A manifest, and how fresh it is.
#[derive(Debug)]
pub(crate) struct Found {
    /// The manifest.
    pub(crate) stored: Stored,
    /// Set when its upstream does not say whether its tag still names it.
    pub(crate) stale: Option<Stale>,
}

/// What is known of a manifest without reading it, and how fresh that is.
#[derive(Debug)]
pub(crate) struct Described {
    /// What it was asked by, or what its tag names.
    pub(crate) digest: Digest,
    /// Its type.
    pub(crate) media_type: MediaType,
    /// In bytes.
    pub(crate) size: u64,
    /// As of [`Found`].
    pub(crate) stale: Option<Stale>,
}

/// A part of a listing.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    /// In byte order.
    pub(crate) entries: Vec<T>,
    /// Whether anything comes after them.
    pub(crate) more: bool,
    /// Set when an upstream may have more and does not say so.
    pub(crate) stale: Option<Stale>,
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
    /// registry that it takes us for, if it does; and whether that namespace counted.
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
    ) -> Result<(RepoName, bool), Error> {
        let sources = self.upstreams.sources();
        if let Some(meant) = namespace.and_then(|namespace| sources.meant(&name, namespace)) {
            // What lies here under its own name is not hidden by a namespace that nobody knows.
            let is_known = sources.find(&meant).is_some();
            if is_known || self.store.repo(&meant).exists().await? {
                return Ok((meant, true));
            }
        }
        Ok((self.canonical(&name), false))
    }

    /// The one name of the repository that a request means by `name` and nothing beside it.
    pub(crate) fn canonical(&self, name: &RepoName) -> RepoName {
        self.upstreams.sources().canonical(name)
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
