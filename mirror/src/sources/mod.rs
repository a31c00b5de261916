//! Which upstream a repository of the store belongs to, and what that calls it.
//!
//! The content of an upstream lies under its prefix: `quay.io/team/app` is `team/app` of `quay.io`. A
//! client that asks a mirror for it names the path alone and the registry beside it, as containerd does
//! with `ns`. Invariant: whatever a request says, only configured upstreams are found.

use std::sync::Arc;

use globset::GlobMatcher;
use roadstead_storage::oci::RepoName;

use crate::pull_through::{Place, PullThrough};

/// The name that image references have for Docker Hub, and what else it is called.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// Where its API is.
const HUB_API: &str = "registry-1.docker.io";
/// Where Docker Hub has what is named by one word alone.
const HUB_LIBRARY: &str = "library";

/// An upstream, as requests meet it.
#[derive(Debug, Clone)]
pub struct Source {
    /// What image references call it.
    pub name: String,
    /// What else it is called.
    pub aliases: Vec<String>,
    /// What stands before its paths in the store; may be empty.
    pub prefix: String,
    /// Which of its repositories may be fetched.
    pub repositories: Vec<GlobMatcher>,
    /// Whether who did not log in may have something fetched.
    pub anonymous_fill: bool,
    /// Whether clients may push under its prefix.
    pub writable: bool,
    /// What fetches from it.
    pub pull_through: Arc<PullThrough>,
}

/// All upstreams that are pulled through.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

/// The upstream of a repository.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// The upstream.
    pub source: &'a Source,
    /// The repository, here and there.
    pub place: Place,
}

impl Sources {
    /// These upstreams.
    pub fn new(sources: Vec<Source>) -> Self {
        Self(sources)
    }

    /// The repository that a request for `path` means, when it says which registry it takes us for.
    /// Where that is no configured upstream, its name is what the content of such would lie under.
    /// `None` when no repository could have that name.
    pub fn meant(&self, path: &RepoName, namespace: &str) -> Option<RepoName> {
        let host = hub(namespace);
        if host.is_empty() {
            return None;
        }
        let configured = self.0.iter().find(|source| source.is_called(&host));
        let prefix = configured.map_or_else(|| default_prefix(&host), |it| it.prefix.clone());
        let path = with_library(&host, path.as_str());
        join(&prefix, &path).parse().ok()
    }

    /// The one name of a repository that may be written in several ways.
    pub fn canonical(&self, name: &RepoName) -> RepoName {
        match self.find(name) {
            Some(found) => found.place.local,
            None => name.clone(),
        }
    }

    /// The upstream of a repository, by the longest prefix.
    pub fn find(&self, name: &RepoName) -> Option<Found<'_>> {
        let by_prefix = self.0.iter().filter_map(|source| {
            let path = below(&source.prefix, name.as_str())?;
            Some((source.prefix.len(), source, path))
        });
        let (_, source, path) = by_prefix.max_by_key(|(length, ..)| *length)?;
        let path = with_library(&source.name, path);
        let place = Place {
            local: join(&source.prefix, &path).parse().ok()?,
            remote: path.parse().ok()?,
        };
        Some(Found { source, place })
    }
}

impl Source {
    /// Whether a repository may be fetched, by what the upstream calls it.
    pub fn allows(&self, remote: &RepoName) -> bool {
        let mut patterns = self.repositories.iter();
        patterns.any(|pattern| pattern.is_match(remote.as_str()))
    }

    fn is_called(&self, host: &str) -> bool {
        let mut names = std::iter::once(&self.name).chain(&self.aliases);
        names.any(|name| hub(name) == host)
    }
}

/// What the content of an upstream lies under when nothing else is said: its name, with a port that a
/// repository can have.
pub fn default_prefix(name: &str) -> String {
    name.replace(':', "-")
}

/// The host that has the API of the registry that image references call `name`.
pub fn api_host(name: &str) -> &str {
    if hub(name) == HUB[0] { HUB_API } else { name }
}

/// The host in one spelling.
pub(crate) fn hub(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if HUB.contains(&host.as_str()) {
        HUB[0].to_owned()
    } else {
        host
    }
}

/// Docker Hub's `nginx` is `library/nginx`.
pub(crate) fn with_library(host: &str, path: &str) -> String {
    if hub(host) == HUB[0] && !path.contains('/') {
        join(HUB_LIBRARY, path)
    } else {
        path.to_owned()
    }
}

fn join(prefix: &str, path: &str) -> String {
    if prefix.is_empty() {
        path.to_owned()
    } else {
        format!("{prefix}/{path}")
    }
}

/// What of a name lies below a prefix.
fn below<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(name);
    }
    name.strip_prefix(prefix)?.strip_prefix('/')
}

#[cfg(test)]
mod tests;
