//! Patterns of repository names, as rules write them.
//!
//! Owns what `*` and `**` mean. Pure. Invariant: a pattern that exists compiles, and could match some
//! name.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use roadstead_storage::oci::RepoName;
use serde::Serialize;
use thiserror::Error;

/// A pattern of repository names: `*` stays within one component, `**` crosses them, and `team/**`
/// is everything below `team/` but neither `team` itself nor `team-b`.
#[derive(Debug, Clone)]
pub(crate) struct RepoPattern(GlobMatcher);

impl RepoPattern {
    /// What does the matching, for parts that know patterns only as such.
    pub(crate) fn matcher(&self) -> &GlobMatcher {
        &self.0
    }

    /// Whether the pattern names this repository.
    pub(crate) fn matches(&self, repo: &RepoName) -> bool {
        self.0.is_match(repo.as_str())
    }
}

impl FromStr for RepoPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|source| InvalidPattern::Glob { source })?;
        if text.is_empty() || text.starts_with('/') || text.ends_with('/') {
            return Err(InvalidPattern::NeverMatches);
        }
        Ok(Self(glob.compile_matcher()))
    }
}

impl Display for RepoPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.glob().fmt(f)
    }
}

impl PartialEq for RepoPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.glob() == other.0.glob()
    }
}

impl Eq for RepoPattern {}

impl Serialize for RepoPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no pattern of repository names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidPattern {
    /// A bracket left open, or the like.
    #[error("{source}")]
    Glob {
        /// What the pattern's grammar says.
        source: globset::Error,
    },
    /// Empty, or with a slash at an end, where no name has one.
    #[error("no repository has such a name")]
    NeverMatches,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, repo: &str, expected: bool) {
        let pattern: RepoPattern = pattern.parse().unwrap();
        assert_eq!(
            pattern.matches(&repo.parse().unwrap()),
            expected,
            "{pattern} on {repo}"
        );
    }

    #[test]
    fn a_pattern_keeps_to_its_folder() {
        check("team/**", "team/a", true);
        check("team/**", "team/a/b", true);
        check("team/**", "team", false);
        check("team/**", "team-b", false);
        check("team/**", "team-b/a", false);
        check("team/*", "team/a", true);
        check("team/*", "team/a/b", false);
        check("team", "team", true);
        check("team", "team/a", false);
        check("**", "a", true);
        check("**", "a/b/c", true);
        check("*", "a/b", false);
        check("**/base", "base", true);
        check("**/base", "a/b/base", true);
        check("{a,b}/**", "b/x", true);
    }

    #[test]
    fn patterns_that_can_match_nothing_are_refused() {
        for pattern in ["", "/a", "a/", "a[", "{a"] {
            assert!(pattern.parse::<RepoPattern>().is_err(), "{pattern}");
        }
    }
}
