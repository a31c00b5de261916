//! What names a manifest in a request: a tag or a digest.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::digest::Digest;
use super::error::InvalidReference;
use super::name::Tag;

/// A tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// Names content for ever.
    Digest(Digest),
    /// Names content until it is moved.
    Tag(Tag),
}

impl Display for Reference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => Display::fmt(digest, f),
            Self::Tag(tag) => Display::fmt(tag, f),
        }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    /// A colon makes it a digest: `sha256:nonsense` is a broken digest, never a tag.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}
