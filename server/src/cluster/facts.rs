//! What is held, as far as a cluster must be told of it.
//!
//! Owns the data that the documents are made of; it crosses the admin socket. Says nothing of how it
//! was found. Invariant: releases and repositories are sorted.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_storage::oci::{Digest, RepoName};
use serde::{Deserialize, Serialize};

use crate::config::address::Address;

/// Everything that the documents of a cluster can say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// How the registry is reached, where that is known.
    pub(crate) address: Option<Address>,
    /// Whom to trust: one or two certificates.
    pub(crate) pem: String,
    /// The releases that are held, by version and architecture.
    pub(crate) releases: Vec<Release>,
    /// The repositories that lie here under the names of the registries they came from.
    pub(crate) repositories: Vec<Repository>,
    /// The sample images, if they were asked for and a release says which there are.
    pub(crate) samples: Option<Samples>,
}

impl Facts {
    /// The releases that were asked for; all, if none was named.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().filter(|release| release.is_asked)
    }
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// What it is called: `4.18.7`.
    pub(crate) version: String,
    /// What it is for: `x86_64`.
    pub(crate) arch: String,
    /// What the release image is.
    pub(crate) digest: Digest,
    /// The repository that clusters know it by.
    pub(crate) from: String,
    /// Where each repository that it names lies here, `from` with them.
    pub(crate) mirrors: BTreeMap<String, RepoName>,
    /// Its signatures, in base64.
    pub(crate) signatures: Vec<String>,
    /// Whether it was named on the command line, or none was.
    pub(crate) is_asked: bool,
}

/// A repository of another registry that was mirrored under its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repository {
    /// What image references call it.
    pub(crate) source: String,
    /// Where it lies here.
    pub(crate) here: RepoName,
    /// Whether tags of it were mirrored, too.
    pub(crate) has_tags: bool,
}

/// The sample images under one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Samples {
    /// What stands before their repositories here, if something does.
    pub(crate) prefix: Option<RepoName>,
    /// The image streams that a cluster can import whole.
    pub(crate) complete: BTreeSet<String>,
    /// The image streams of which an image is missing.
    pub(crate) incomplete: BTreeSet<String>,
    /// Where each repository that the streams name lies here.
    pub(crate) mirrors: BTreeMap<String, RepoName>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    pub(crate) const RELEASES: &str = "quay.io/openshift-release-dev/ocp-release";
    pub(crate) const COMPONENTS: &str = "quay.io/openshift-release-dev/ocp-v4.0-art-dev";

    pub(crate) fn address() -> Address {
        "registry.example.com:8443".parse().unwrap()
    }

    /// A release whose image and components lie in these repositories.
    pub(crate) fn release(version: &str, images: &str, components: &str) -> Release {
        let at = |source: &str, here: &str| (source.to_owned(), here.parse().unwrap());
        let digest = roadstead_storage::oci::Algorithm::Sha256;
        Release {
            version: version.to_owned(),
            arch: "x86_64".to_owned(),
            digest: Digest::of(digest, version.as_bytes()),
            from: RELEASES.to_owned(),
            mirrors: BTreeMap::from([at(RELEASES, images), at(COMPONENTS, components)]),
            signatures: vec!["AAEC".to_owned()],
            is_asked: true,
        }
    }

    pub(crate) fn repository(source: &str, here: &str, has_tags: bool) -> Repository {
        Repository {
            source: source.to_owned(),
            here: here.parse().unwrap(),
            has_tags,
        }
    }

    pub(crate) fn facts(releases: Vec<Release>, repositories: Vec<Repository>) -> Facts {
        Facts {
            address: Some(address()),
            pem: PEM.to_owned(),
            releases,
            repositories,
            samples: None,
        }
    }
}
