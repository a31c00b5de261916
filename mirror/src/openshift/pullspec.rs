//! An image by its digest, as payloads name their components:
//! `quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:...`.
//!
//! Owns that grammar. Invariant: it has a registry, a repository and a digest, and never a tag.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use roadstead_storage::oci::{Digest, RepoName};
use thiserror::Error;

use crate::job::{InvalidSource, Selection, SourceRef};

/// An image by its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pullspec {
    registry: String,
    repository: RepoName,
    digest: Digest,
}

impl Pullspec {
    /// The registry, as image references call it.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// What the registry calls the repository.
    pub fn repository(&self) -> &RepoName {
        &self.repository
    }

    /// The image's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Where it is, without the digest: what clusters are told mirrors of.
    pub fn source(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

impl FromStr for Pullspec {
    type Err = InvalidPullspec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: SourceRef = text.parse()?;
        match (parsed.selection(), parsed.tag()) {
            (Selection::Digest(digest), None) => Ok(Self {
                registry: parsed.registry().to_owned(),
                repository: parsed.repository().clone(),
                digest: *digest,
            }),
            _ => Err(InvalidPullspec::NotByDigest),
        }
    }
}

impl Display for Pullspec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.registry, self.repository, self.digest)
    }
}

/// A text that names no image by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidPullspec {
    /// A tag may name another image tomorrow.
    #[error("not an image by its digest alone")]
    NotByDigest,
    /// It is no reference.
    #[error(transparent)]
    Source(#[from] InvalidSource),
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn an_image_is_named_by_its_digest_and_nothing_else() {
        let text = format!("localhost:5000/a/b@{DIGEST}");
        let parsed: Pullspec = text.parse().unwrap();
        assert_eq!(parsed.to_string(), text);
        assert_eq!(parsed.source(), "localhost:5000/a/b");
        for wrong in ["quay.io/a", "quay.io/a:1", "a/b", "quay.io/a@sha256:0"] {
            wrong.parse::<Pullspec>().unwrap_err();
        }
        format!("quay.io/a:1@{DIGEST}")
            .parse::<Pullspec>()
            .unwrap_err();
    }
}
