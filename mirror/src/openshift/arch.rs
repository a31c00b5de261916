//! The architectures of `OpenShift` releases, as their tags write them.
//!
//! Knows nothing of what a release is. Invariant: each has one name in tags, and one that images know.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use thiserror::Error;

/// What a release is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// arm64.
    Aarch64,
    /// Several: the release and its components are lists of images.
    Multi,
    /// `ppc64le`.
    Ppc64le,
    /// s390x.
    S390x,
    /// amd64.
    X86_64,
}

impl Arch {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 5] = [
        Self::Aarch64,
        Self::Multi,
        Self::Ppc64le,
        Self::S390x,
        Self::X86_64,
    ];

    /// As tags and directories of samples write it: `x86_64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::Multi => "multi",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::X86_64 => "x86_64",
        }
    }

    /// As images write it: `amd64` (image-spec, "Image JSON Description").
    pub fn of_images(self) -> &'static str {
        match self {
            Self::Aarch64 => "arm64",
            Self::X86_64 => "amd64",
            Self::Multi | Self::Ppc64le | Self::S390x => self.name(),
        }
    }
}

impl Display for Arch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads both names.
impl FromStr for Arch {
    type Err = InvalidArch;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|arch| text == arch.name() || text == arch.of_images())
            .ok_or(InvalidArch)
    }
}

/// A text that names no architecture of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an architecture of releases: aarch64, multi, ppc64le, s390x or x86_64")]
pub struct InvalidArch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_read_by_either_name_and_written_as_in_tags() {
        for arch in Arch::ALL {
            assert_eq!(arch.name().parse(), Ok(arch));
            assert_eq!(arch.of_images().parse(), Ok(arch));
            assert_eq!(arch.to_string(), arch.name());
        }
        for wrong in ["", "x86", "AMD64", "x86_64 "] {
            assert_eq!(wrong.parse::<Arch>(), Err(InvalidArch), "{wrong}");
        }
    }
}
