//! How a release is named on a command line and in the configuration: `4.18.7-x86_64`, `4.18.7`,
//! `sha256:...` or a whole reference.
//!
//! Owns that grammar, and where releases come from if nothing else is said. Asks nobody. Invariant: a
//! release is one tag or one digest of a repository.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use roadstead_storage::oci::{InvalidTag, Reference, RepoName};
use semver::Version;
use thiserror::Error;

use super::arch::Arch;
use crate::job::{InvalidSource, Selection, SourceRef};

/// Where releases come from if nothing else is said.
const PRODUCT: &str = "quay.io/openshift-release-dev/ocp-release";

/// A repository of another registry that has releases: `quay.io/openshift-release-dev/ocp-release`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseSource {
    registry: String,
    repository: RepoName,
}

/// A release in another registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRef {
    source: ReleaseSource,
    reference: Reference,
}

impl ReleaseSource {
    /// The registry, as image references call it.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// What it calls the repository.
    pub fn repository(&self) -> &RepoName {
        &self.repository
    }
}

/// Where the vendor publishes releases.
impl Default for ReleaseSource {
    fn default() -> Self {
        PRODUCT.parse().expect("a constant that is a repository")
    }
}

impl FromStr for ReleaseSource {
    type Err = InvalidRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: SourceRef = text.parse()?;
        if !is_repository(text) {
            return Err(InvalidRelease::NoRepository);
        }
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().clone(),
        })
    }
}

impl Display for ReleaseSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl ReleaseRef {
    /// Reads what names a release: in full, or within `source`. A bare version is that for `arch`; where
    /// that is not said, for what this machine is.
    ///
    /// # Errors
    /// When it names none, or another architecture than `arch`.
    pub fn parse(
        text: &str,
        source: &ReleaseSource,
        arch: Option<Arch>,
    ) -> Result<Self, InvalidRelease> {
        let text = text.trim();
        if text.contains('/') {
            return Self::in_full(text);
        }
        let source = source.clone();
        if text.contains(':') {
            let reference = text.parse().map_err(|_| InvalidRelease::NoDigest)?;
            return match reference {
                Reference::Digest(_) => Ok(Self { source, reference }),
                Reference::Tag(_) => Err(InvalidRelease::NoDigest),
            };
        }
        let tag = match (arch_of(text), arch) {
            (Some(named), Some(wanted)) if named != wanted => {
                return Err(InvalidRelease::OtherArch { named, wanted });
            }
            (None, _) if is_version(text) => {
                let arch = arch.or_else(this_machine).unwrap_or(Arch::X86_64);
                format!("{text}-{arch}")
            }
            _ => text.to_owned(),
        };
        let reference = Reference::Tag(tag.parse()?);
        Ok(Self { source, reference })
    }

    fn in_full(text: &str) -> Result<Self, InvalidRelease> {
        let parsed: SourceRef = text.parse()?;
        let reference = match parsed.selection() {
            Selection::Digest(digest) => Reference::Digest(*digest),
            // What names a repository alone means a tag that no release has.
            Selection::Tag(tag) if !is_repository(text) => Reference::Tag(tag.clone()),
            _ => return Err(InvalidRelease::NotOne),
        };
        Ok(Self {
            source: ReleaseSource {
                registry: parsed.registry().to_owned(),
                repository: parsed.repository().clone(),
            },
            reference,
        })
    }

    /// Where it is.
    pub fn source(&self) -> &ReleaseSource {
        &self.source
    }

    /// What it is there.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl Display for ReleaseRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.reference {
            Reference::Digest(digest) => write!(f, "{}@{digest}", self.source),
            Reference::Tag(tag) => write!(f, "{}:{tag}", self.source),
        }
    }
}

/// Reads only what names it in full.
impl FromStr for ReleaseRef {
    type Err = InvalidRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::in_full(text)
    }
}

/// Whether a reference has neither a tag nor a digest; before the last slash a colon is a port's.
fn is_repository(text: &str) -> bool {
    let path = text.rsplit('/').next().unwrap_or_default();
    !path.contains([':', '@'])
}

/// The architecture that a tag ends with, behind a version.
pub(super) fn arch_of(tag: &str) -> Option<Arch> {
    let (version, arch) = tag.rsplit_once('-')?;
    let arch = Arch::ALL.into_iter().find(|it| it.name() == arch)?;
    is_version(version).then_some(arch)
}

fn is_version(text: &str) -> bool {
    Version::parse(text).is_ok()
}

/// What this program was built for.
pub(super) fn this_machine() -> Option<Arch> {
    match std::env::consts::ARCH {
        "powerpc64" => Some(Arch::Ppc64le),
        name => name.parse().ok(),
    }
}

/// A text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidRelease {
    /// What has a colon and no slash has to be a digest.
    #[error("not a digest, such as sha256:...")]
    NoDigest,
    /// A repository is wanted, and that is more.
    #[error("not a repository alone: it has a tag or a digest")]
    NoRepository,
    /// It may stand for several.
    #[error("not one release: it needs one tag or one digest")]
    NotOne,
    /// It says two architectures.
    #[error("it is for {named}, and {wanted} is wanted")]
    OtherArch {
        /// What its tag says.
        named: Arch,
        /// What was said beside.
        wanted: Arch,
    },
    /// It is no reference.
    #[error(transparent)]
    Source(#[from] InvalidSource),
    /// It is no tag.
    #[error("not a version or a tag, such as 4.18.7 or 4.18.7-x86_64")]
    Tag(#[from] InvalidTag),
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[track_caller]
    fn check(text: &str, arch: Option<Arch>, expected: &str) {
        let source = ReleaseSource::default();
        let parsed = ReleaseRef::parse(text, &source, arch).unwrap();
        assert_eq!(parsed.to_string(), expected, "{text}");
        let again = ReleaseRef::parse(expected, &source, None).unwrap();
        assert_eq!(again, parsed);
    }

    #[track_caller]
    fn refuses(text: &str, arch: Option<Arch>, because: &str) {
        let refused = ReleaseRef::parse(text, &ReleaseSource::default(), arch).unwrap_err();
        assert!(refused.to_string().contains(because), "{text}: {refused}");
    }

    #[test]
    fn a_release_is_named_by_its_tag_its_version_its_digest_or_in_full() {
        let arm = Some(Arch::Aarch64);
        check("4.18.7-x86_64", None, &format!("{PRODUCT}:4.18.7-x86_64"));
        check("4.18.7", arm, &format!("{PRODUCT}:4.18.7-aarch64"));
        check(
            "4.19.0-rc.1",
            arm,
            &format!("{PRODUCT}:4.19.0-rc.1-aarch64"),
        );
        check("4.18.7-multi", None, &format!("{PRODUCT}:4.18.7-multi"));
        check(DIGEST, None, &format!("{PRODUCT}@{DIGEST}"));
        let other = "registry.ci.openshift.org/ocp/release:4.18.0-0.nightly";
        check(other, None, other);
        let other = format!("localhost:5000/a/b@{DIGEST}");
        check(&other, None, &other);
    }

    #[test]
    fn a_bare_version_is_for_this_machine_if_nothing_is_said() {
        let parsed = ReleaseRef::parse("4.18.7", &ReleaseSource::default(), None).unwrap();
        let Reference::Tag(tag) = parsed.reference() else {
            panic!("{parsed} has no tag");
        };
        assert!(arch_of(tag.as_str()).is_some(), "{tag}");
    }

    #[test]
    fn what_names_no_release_or_two_architectures_is_refused() {
        refuses("4.18.7-x86_64", Some(Arch::Multi), "multi is wanted");
        refuses("", None, "not a version");
        refuses("4.18 .7", None, "not a version");
        refuses("sha256:44", None, "not a digest");
        refuses("quay.io/a/latest", None, "not one release");
        refuses("quay.io/a/b:4.*", None, "not one release");
        refuses("team/a:1", None, "no registry is named");
    }

    #[test]
    fn a_source_is_a_repository_and_nothing_more() {
        let source: ReleaseSource = "localhost:5000/a/b".parse().unwrap();
        assert_eq!(source.to_string(), "localhost:5000/a/b");
        for wrong in ["quay.io/a:1", "a/b", "quay.io"] {
            wrong.parse::<ReleaseSource>().unwrap_err();
        }
    }

    #[test]
    fn only_a_version_with_an_architecture_behind_it_is_a_tag_of_a_release() {
        assert_eq!(arch_of("4.18.7-x86_64"), Some(Arch::X86_64));
        assert_eq!(arch_of("4.18.7-rc.1-s390x"), Some(Arch::S390x));
        for other in ["4.18.7-x86_64-cli", "4.18.7", "cli-x86_64", "4.18.7-amd64"] {
            assert_eq!(arch_of(other), None, "{other}");
        }
    }
}
