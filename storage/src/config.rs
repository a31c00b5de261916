//! What the store is told when it is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use globset::{Glob, GlobBuilder, GlobMatcher};
use thiserror::Error;

use crate::oci::{RepoName, Tag};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory.
    pub root: PathBuf,
    /// Whether tags, manifests and blobs may be deleted.
    pub delete: bool,
    /// Tags that are set once and never moved or deleted.
    pub immutable_tags: ImmutableTags,
    /// How long content that nothing needs is left alone: what an upload, a mount or the answer to a
    /// HEAD promised can be referred to meanwhile.
    pub gc_grace: Duration,
    /// How many bytes all blobs, uploads and fetches together may take. What was pulled through goes
    /// before it is reached; pushes beyond it are refused.
    pub max_size: Option<u64>,
    /// What of the disk has to stay free; pushes that would leave less are refused.
    pub keep_free: KeepFree,
    /// Tells the time; tests move it.
    pub clock: Clock,
}

impl Config {
    /// The defaults: everything may be deleted, no tag is immutable, an hour of grace, and one twentieth
    /// of the disk stays free.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            delete: true,
            immutable_tags: ImmutableTags::default(),
            gc_grace: Duration::from_hours(1),
            max_size: None,
            keep_free: KeepFree::Percent(5),
            clock: Clock::system(),
        }
    }
}

/// A part of the disk that the store leaves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepFree {
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of its size.
    Percent(u8),
}

impl KeepFree {
    /// How many bytes that is on a disk of `total` bytes.
    pub fn bytes_of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            // In this order it cannot overflow; what is lost is less than a hundred bytes.
            Self::Percent(percent) => total / 100 * u64::from(percent),
        }
    }
}

/// Patterns of tags that may not be moved, written `repository:tag`, such as `openshift/**:*`.
#[derive(Debug, Clone, Default)]
pub struct ImmutableTags(Vec<(GlobMatcher, GlobMatcher)>);

/// A pattern that is not `repository:tag`, or whose halves are no globs.
#[derive(Debug, Error)]
#[error("{pattern:?} is not a pattern of the form repository:tag")]
pub struct InvalidPattern {
    /// The pattern.
    pub pattern: String,
}

impl ImmutableTags {
    /// Reads the patterns.
    ///
    /// # Errors
    /// [`InvalidPattern`] names the first that is none.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidPattern> {
        let parse = |pattern: &'a str| {
            let halves = pattern
                .rsplit_once(':')
                .and_then(|(repository, tag)| Some((glob(repository)?, glob(tag)?)));
            halves.ok_or_else(|| InvalidPattern {
                pattern: pattern.to_owned(),
            })
        };
        patterns
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `tag` of `repository` may not be moved once set.
    pub fn covers(&self, repository: &RepoName, tag: &Tag) -> bool {
        let matches = |(repositories, tags): &(GlobMatcher, GlobMatcher)| {
            repositories.is_match(repository.as_str()) && tags.is_match(tag.as_str())
        };
        self.0.iter().any(matches)
    }
}

/// `*` stays within one path component, `**` crosses them.
fn glob(text: &str) -> Option<GlobMatcher> {
    let glob: Glob = GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .ok()?;
    Some(glob.compile_matcher())
}

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The time of the machine.
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// Whatever `now` answers.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_its_repositories_and_tags_only() {
        let rules = ImmutableTags::parse(["openshift/**:*", "base:v*"]).expect("valid");
        let covers = |repository: &str, tag: &str| {
            rules.covers(
                &repository.parse().expect("name"),
                &tag.parse().expect("tag"),
            )
        };
        assert!(covers("openshift/release", "latest"));
        assert!(covers("openshift/a/b", "4.18"));
        assert!(!covers("openshift-b", "latest"));
        assert!(covers("base", "v1"));
        assert!(!covers("base", "latest"));
        assert!(ImmutableTags::parse(["no-colon"]).is_err());
        assert!(ImmutableTags::parse(["a{:b"]).is_err());
    }
}
