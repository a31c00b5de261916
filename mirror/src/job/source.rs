//! References to images elsewhere, as a person writes them: `quay.io/team/app:1.*`.
//!
//! Owns their grammar. Invariant: a registry is always named; none is guessed.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use roadstead_storage::oci::{Digest, InvalidDigest, InvalidName, InvalidTag, RepoName, Tag};
use thiserror::Error;

use super::order::Selection;
use super::select::{InvalidPattern, TagPattern};
use crate::sources::{hub, with_library};

/// What may stand before a reference, as skopeo and oc want it.
const SCHEME: &str = "docker://";
/// What is meant where nothing is said.
const DEFAULT_TAG: &str = "latest";

/// What is wanted from another registry: `quay.io/team/app:1`, `...@sha256:...`, `...:1@sha256:...`,
/// `...:1.*` or `...:>=1.20 <2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRef {
    registry: String,
    repository: RepoName,
    selection: Selection,
    /// What content is to be called that is asked for by its digest.
    tag: Option<Tag>,
}

impl SourceRef {
    /// The registry, in lower case and with its port. Docker Hub is `docker.io`, whatever it was called.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// What the registry calls the repository.
    pub fn repository(&self) -> &RepoName {
        &self.repository
    }

    /// What is wanted of it.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// What content is to be called that is asked for by its digest.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }
}

impl FromStr for SourceRef {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let text = text.strip_prefix(SCHEME).unwrap_or(text);
        let (registry, rest) = text.split_once('/').unwrap_or(("", text));
        let is_registry = registry.contains(['.', ':']) || registry == "localhost";
        if !is_registry {
            let mut written = rest;
            if !registry.is_empty() {
                written = text;
            }
            let written = with_library("docker.io", written);
            return Err(InvalidSource::NoRegistry { written });
        }
        let registry = hub(registry);
        let (path, suffix) = rest.split_at(rest.find([':', '@']).unwrap_or(rest.len()));
        let path = with_library(&registry, path);
        let repository = path.parse().map_err(|source| InvalidSource::Repository {
            written: path,
            source,
        })?;
        let (selection, tag) = parse_suffix(suffix)?;
        Ok(Self {
            registry,
            repository,
            selection,
            tag,
        })
    }
}

/// What follows the repository: what is wanted, and what it is to be called.
fn parse_suffix(suffix: &str) -> Result<(Selection, Option<Tag>), InvalidSource> {
    let tag = |text: &str| {
        text.parse().map_err(|source| InvalidSource::Tag {
            written: text.to_owned(),
            source,
        })
    };
    if suffix.is_empty() {
        return Ok((Selection::Tag(tag(DEFAULT_TAG)?), None));
    }
    if let Some((name, digest)) = suffix.split_once('@') {
        let digest: Digest = digest.parse().map_err(|source| InvalidSource::Digest {
            written: digest.to_owned(),
            source,
        })?;
        let name = name.strip_prefix(':').map(tag).transpose()?;
        return Ok((Selection::Digest(digest), name));
    }
    let text = suffix.strip_prefix(':').unwrap_or(suffix).trim();
    if TagPattern::is_meant_by(text) {
        let pattern = text.parse().map_err(|source| InvalidSource::Pattern {
            written: text.to_owned(),
            source,
        })?;
        return Ok((Selection::Matching(pattern), None));
    }
    Ok((Selection::Tag(tag(text)?), None))
}

impl Display for SourceRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.selection {
            Selection::All => Ok(()),
            Selection::Digest(digest) => write!(f, "@{digest}"),
            Selection::Matching(pattern) => write!(f, ":{pattern}"),
            Selection::Tag(tag) => write!(f, ":{tag}"),
        }
    }
}

/// A text that names nothing in another registry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidSource {
    /// Behind the `@` is no digest.
    #[error("\"{written}\" is no digest")]
    Digest {
        /// What was written.
        written: String,
        /// What is wrong with it.
        #[source]
        source: InvalidDigest,
    },
    /// It does not begin with a registry, and none is guessed.
    #[error("no registry is named: write docker.io/{written} for Docker Hub's")]
    NoRegistry {
        /// What was written, as Docker Hub would have it.
        written: String,
    },
    /// Behind the colon is no pattern or range.
    #[error("\"{written}\" selects no tags")]
    Pattern {
        /// What was written.
        written: String,
        /// What is wrong with it.
        #[source]
        source: InvalidPattern,
    },
    /// Behind the registry is no repository.
    #[error("\"{written}\" is no repository")]
    Repository {
        /// What was written.
        written: String,
        /// What is wrong with it.
        #[source]
        source: InvalidName,
    },
    /// Behind the colon is no tag.
    #[error("\"{written}\" is no tag")]
    Tag {
        /// What was written.
        written: String,
        /// What is wrong with it.
        #[source]
        source: InvalidTag,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[track_caller]
    fn check(text: &str, registry: &str, repository: &str, shown: &str) {
        let parsed: SourceRef = text.parse().unwrap();
        assert_eq!(parsed.registry(), registry, "{text}");
        assert_eq!(parsed.repository().as_str(), repository, "{text}");
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(shown.parse(), Ok(parsed));
    }

    #[track_caller]
    fn refuses(text: &str, because: &str) {
        let refused = text.parse::<SourceRef>().unwrap_err().to_string();
        assert!(refused.contains(because), "{text}: {refused}");
    }

    #[test]
    fn a_reference_names_a_registry_a_repository_and_what_is_wanted() {
        check("quay.io/a/b:1", "quay.io", "a/b", "quay.io/a/b:1");
        check(
            "docker://quay.io/a/b",
            "quay.io",
            "a/b",
            "quay.io/a/b:latest",
        );
        check(
            "Localhost:5000/a:1.*",
            "localhost:5000",
            "a",
            "localhost:5000/a:1.*",
        );
        check("localhost/a", "localhost", "a", "localhost/a:latest");
        check(
            "quay.io/a/b:>=1.20 <2",
            "quay.io",
            "a/b",
            "quay.io/a/b:>=1.20 <2",
        );
    }

    #[test]
    fn docker_hub_has_one_name_and_a_library() {
        let shown = "docker.io/library/nginx:1";
        check("docker.io/nginx:1", "docker.io", "library/nginx", shown);
        check(
            "index.docker.io/nginx:1",
            "docker.io",
            "library/nginx",
            shown,
        );
        let shown = "docker.io/team/app:1";
        check("docker.io/team/app:1", "docker.io", "team/app", shown);
    }

    #[test]
    fn a_tag_before_a_digest_is_what_the_content_is_called() {
        let by_digest: SourceRef = format!("quay.io/a@{DIGEST}").parse().unwrap();
        assert_eq!(by_digest.tag(), None);
        assert_eq!(by_digest.to_string(), format!("quay.io/a@{DIGEST}"));
        let named: SourceRef = format!("quay.io/a:1@{DIGEST}").parse().unwrap();
        assert_eq!(named.tag().map(Tag::as_str), Some("1"));
        assert_eq!(named.selection(), by_digest.selection());
        assert_eq!(named.to_string(), format!("quay.io/a:1@{DIGEST}"));
    }

    #[test]
    fn a_registry_is_not_guessed() {
        refuses("nginx", "write docker.io/library/nginx ");
        refuses("nginx:1", "write docker.io/library/nginx:1 ");
        refuses("team/app:1", "write docker.io/team/app:1 ");
    }

    #[test]
    fn what_names_nothing_is_refused() {
        refuses("quay.io/A/b", "no repository");
        refuses("quay.io/", "no repository");
        refuses("quay.io/a:.x", "no tag");
        refuses("quay.io/a:", "no tag");
        refuses("quay.io/a@sha256:0", "no digest");
        refuses("quay.io/a:x y@sha256:0", "no digest");
        refuses("quay.io/a:>=x", "selects no tags");
        refuses("quay.io/a:[1", "selects no tags");
    }
}
