//! Which tags of a repository are wanted: by a pattern, or by a range of versions.
//!
//! Owns how a tag is read as a version. Invariant: what is no version is in no range.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use globset::{Glob, GlobMatcher};
use roadstead_storage::oci::Tag;
use semver::{BuildMetadata, Prerelease, Version, VersionReq};
use thiserror::Error;

/// What makes a text a pattern.
const WILDCARDS: [char; 3] = ['*', '?', '['];
/// What a range begins with.
const OPERATORS: [char; 5] = ['>', '<', '=', '^', '~'];

/// Which tags of a repository are wanted: `1.*`, or `>=1.20 <2`.
#[derive(Debug, Clone)]
pub struct TagPattern {
    text: String,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Glob(GlobMatcher),
    Range(VersionReq),
}

impl TagPattern {
    /// Whether a text is meant as a pattern or a range, rather than as a tag.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(OPERATORS) || text.contains(WILDCARDS)
    }

    /// Whether a tag is wanted.
    pub fn matches(&self, tag: &Tag) -> bool {
        match &self.rule {
            Rule::Glob(glob) => glob.is_match(tag.as_str()),
            Rule::Range(range) => version(tag).is_some_and(|version| range.matches(&version)),
        }
    }
}

impl FromStr for TagPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = if text.starts_with(OPERATORS) {
            let range = comparators(text).ok_or(InvalidPattern::Range)?;
            Rule::Range(range.parse().map_err(|_| InvalidPattern::Range)?)
        } else {
            let glob = Glob::new(text).map_err(|_| InvalidPattern::Glob)?;
            Rule::Glob(glob.compile_matcher())
        };
        Ok(Self {
            text: text.to_owned(),
            rule,
        })
    }
}

impl Display for TagPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for TagPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TagPattern {}

/// A text that selects no tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPattern {
    /// Its brackets or braces do not fit together.
    #[error("not a pattern, such as \"1.*\"")]
    Glob,
    /// One of its terms is no comparison with a version.
    #[error("not a range of versions, such as \">=1.20 <2\"")]
    Range,
}

/// The range as its grammar wants it: commas between the terms, and no `v` before a version. `None` when
/// a term compares nothing.
fn comparators(text: &str) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    for word in words {
        let operator_ends = word.find(|c| !OPERATORS.contains(&c));
        let (operator, version) = word.split_at(operator_ends.unwrap_or(word.len()));
        let version = version.strip_prefix('v').unwrap_or(version);
        match terms.last_mut() {
            // "> 1" is ">" and "1".
            Some(last) if operator.is_empty() && last.ends_with(OPERATORS) => {
                last.push_str(version);
            }
            _ if operator.is_empty() => return None,
            _ => terms.push(format!("{operator}{version}")),
        }
    }
    Some(terms.join(", "))
}

/// The version that a tag stands for: `v1.20` is 1.20.0, and what follows a dash makes it a
/// pre-release.
fn version(tag: &Tag) -> Option<Version> {
    let text = tag.as_str();
    let text = text.strip_prefix('v').unwrap_or(text);
    let (numbers, suffix) = text.split_once('-').unwrap_or((text, ""));
    let mut parts = [0; 3];
    for (place, number) in numbers.split('.').enumerate() {
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        *parts.get_mut(place)? = number.parse().ok().filter(|_| is_plain)?;
    }
    let [major, minor, patch] = parts;
    Some(Version {
        major,
        minor,
        patch,
        pre: Prerelease::new(suffix).ok()?,
        build: BuildMetadata::EMPTY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 12] = [
        "1",
        "1.20",
        "v1.20.3",
        "1.21-alpine",
        "1.21.4",
        "1.9",
        "2",
        "2.0.1",
        "latest",
        "1.2.3.4",
        "1.x",
        "20240101",
    ];

    #[track_caller]
    fn check(pattern: &str, expected: &[&str]) {
        let parsed: TagPattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        let wanted = |tag: &&str| parsed.matches(&tag.parse().unwrap());
        let wanted: Vec<_> = TAGS.into_iter().filter(wanted).collect();
        assert_eq!(wanted, expected, "{pattern}");
    }

    #[test]
    fn a_range_takes_the_versions_in_it() {
        check(">=1.20 <2", &["1.20", "v1.20.3", "1.21.4"]);
        check(">=1.20,<2", &["1.20", "v1.20.3", "1.21.4"]);
        check(">= 1.20 , < v2", &["1.20", "v1.20.3", "1.21.4"]);
        check("^2", &["2", "2.0.1"]);
        check("~1.20", &["1.20", "v1.20.3"]);
        check("=1.9", &["1.9"]);
        check(">2024", &["20240101"]);
    }

    #[test]
    fn a_suffix_is_a_pre_release_and_is_in_a_range_that_names_one_of_its_version() {
        check(
            ">=1.21.0-a",
            &["1.21-alpine", "1.21.4", "2", "2.0.1", "20240101"],
        );
        check(">=1.21", &["1.21.4", "2", "2.0.1", "20240101"]);
    }

    #[test]
    fn a_pattern_takes_the_tags_that_look_like_it() {
        check("1.2*", &["1.20", "1.21-alpine", "1.21.4", "1.2.3.4"]);
        check("[v2]*", &["v1.20.3", "2", "2.0.1", "20240101"]);
        check("1.?", &["1.9", "1.x"]);
        check("*", &TAGS);
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        for text in [">", ">=", "> <2", ">=latest", ">=1 2", "=1.2.3.4", "^1.x.3"] {
            let refused = text.parse::<TagPattern>();
            assert_eq!(refused, Err(InvalidPattern::Range), "{text}");
        }
        assert_eq!("[1".parse::<TagPattern>(), Err(InvalidPattern::Glob));
    }
}
