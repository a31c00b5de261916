//! What is wanted from other registries, whoever wants it: a command or a job of the configuration.
//!
//! Knows neither. Invariant: none; it is what was said, and planning finds out what there is.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use globset::GlobMatcher;
use roadstead_storage::Principal;
use roadstead_storage::oci::{Digest, Platform, RepoName, Tag};
use thiserror::Error;

use super::select::TagPattern;
use crate::client::Client;

/// All that one job is to bring.
#[derive(Debug, Clone)]
pub struct Order {
    /// What is wanted of single repositories.
    pub wishes: Vec<Wish>,
    /// Registries that are wanted as a whole.
    pub registries: Vec<Registry>,
    /// What was wanted too, and could not be found out.
    pub lost: Vec<Lost>,
    /// What of images for several platforms is wanted.
    pub platforms: Platforms,
    /// Whether what an upstream does not have is passed over, and is no failure.
    pub skip_missing: bool,
    /// Whether tags go that were mirrored and that the upstream no longer has.
    pub prune: bool,
    /// Who wants it, as records and the log have it.
    pub by: Principal,
}

/// What was wanted, and of which nobody knows what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What it is at the upstream.
    pub source: String,
    /// Why, in words.
    pub because: String,
}

/// What is wanted of a repository.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Asks the upstream. Within an order upstreams are told apart by their names.
    pub client: Client,
    /// What the upstream calls the repository.
    pub remote: RepoName,
    /// Where it lies in the store.
    pub local: RepoName,
    /// Which content.
    pub selection: Selection,
    /// What it is called in the store, where a single tag or digest is wanted; the tag's own name if
    /// nothing is said, and no tag at all for a digest.
    pub tag: Option<Tag>,
    /// Where else in the store it lies. Heeded for a single tag or digest only.
    pub also: Vec<Place>,
    /// What it belongs to that is worth something only as a whole.
    pub set: Option<Set>,
    /// Whether it is no failure when the upstream does not have it.
    pub is_optional: bool,
}

/// Images that are worth something only together, of which one names the others: a release and its
/// components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Set {
    /// Tells sets of an order apart.
    pub number: usize,
    /// Whether it is the image that names the others, and comes only when all of them are here.
    pub is_head: bool,
}

/// Where else in the store an image lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In which repository.
    pub repository: RepoName,
    /// Under which tag; without one, by its digest alone.
    pub tag: Option<Tag>,
}

/// Which content of a repository is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every tag.
    All,
    /// What has this digest.
    Digest(Digest),
    /// Each tag that is selected.
    Matching(TagPattern),
    /// What this tag names.
    Tag(Tag),
}

/// A registry that is wanted as a whole.
#[derive(Debug, Clone)]
pub struct Registry {
    /// Asks it.
    pub client: Client,
    /// Which of its repositories.
    pub repositories: Vec<GlobMatcher>,
    /// What stands before their names in the store; may be empty.
    pub to: String,
}

/// What of images for several platforms is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Platforms {
    /// Everything.
    #[default]
    All,
    /// What runs on one of these; lists of images are kept as they are all the same.
    Only(Vec<WantedPlatform>),
}

/// A platform that images are wanted for: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPlatform {
    os: String,
    architecture: String,
    /// Without one, every variant.
    variant: Option<String>,
}

impl WantedPlatform {
    /// Whether what runs on `platform` is wanted.
    pub fn matches(&self, platform: &Platform) -> bool {
        let variant = |variant: Option<&str>| match (self.architecture.as_str(), variant) {
            // Every arm64 is a v8, said or not (image-spec, "Platform Variants").
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == platform.os
            && self.architecture == platform.architecture
            && (self.variant.is_none()
                || variant(self.variant.as_deref()) == variant(platform.variant.as_deref()))
    }
}

impl FromStr for WantedPlatform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(InvalidPlatform);
        }
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err(InvalidPlatform),
        };
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant,
        })
    }
}

impl Display for WantedPlatform {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// A text that is no platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not OS/ARCH or OS/ARCH/VARIANT, such as \"linux/amd64\"")]
pub struct InvalidPlatform;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, (os, architecture, variant): (&str, &str, Option<&str>), yes: bool) {
        let parsed: WantedPlatform = wanted.parse().unwrap();
        assert_eq!(parsed.to_string(), wanted);
        let platform = Platform {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            variant: variant.map(str::to_owned),
        };
        assert_eq!(parsed.matches(&platform), yes, "{wanted} {platform:?}");
    }

    #[test]
    fn a_platform_without_a_variant_takes_all_of_them() {
        check("linux/arm", ("linux", "arm", Some("v6")), true);
        check("linux/arm", ("linux", "arm", None), true);
        check("linux/arm/v7", ("linux", "arm", Some("v7")), true);
        check("linux/arm/v7", ("linux", "arm", Some("v6")), false);
        check("linux/arm/v7", ("linux", "arm", None), false);
        check("linux/arm64/v8", ("linux", "arm64", None), true);
        check("linux/amd64", ("windows", "amd64", None), false);
        check("linux/amd64", ("linux", "arm64", None), false);
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x"] {
            let refused = text.parse::<WantedPlatform>();
            assert_eq!(refused, Err(InvalidPlatform), "{text}");
        }
    }
}
