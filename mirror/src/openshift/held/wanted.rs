//! How a held release is named on a command line: `4.18.7-x86_64`, `4.18.7`, `sha256:...`, or a place in
//! the registry, `[ADDRESS/]REPOSITORY:TAG` or `...@DIGEST`.
//!
//! Owns that grammar, and looks nothing up. Invariant: what names a place names at most two, one with its
//! first part taken for a repository's and one with that taken for the address of the registry.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use roadstead_storage::oci::{Algorithm, Digest, Reference, RepoName, Tag};
use semver::Version;
use thiserror::Error;

use crate::openshift::arch::Arch;
use crate::openshift::reference::arch_of;

/// What names a release that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRef {
    text: String,
    wanted: Wanted,
}

/// What a text asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The release image with this digest.
    Digest(Digest),
    /// What lies in one of these repositories.
    Place {
        repositories: Vec<RepoName>,
        reference: Reference,
    },
    /// This version, for this architecture.
    Release { version: String, arch: Arch },
    /// This version, for whichever architecture there is.
    Version(String),
}

impl HeldRef {
    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }
}

impl Display for HeldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for HeldRef {
    type Err = InvalidHeldRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self {
            text: text.to_owned(),
            wanted: parse(text)?,
        })
    }
}

fn parse(text: &str) -> Result<Wanted, InvalidHeldRef> {
    if let Some((path, digest)) = text.split_once('@') {
        let digest: Digest = digest.parse().map_err(|_| InvalidHeldRef)?;
        return place(path, Reference::Digest(digest));
    }
    if let Ok(digest) = text.parse() {
        return Ok(Wanted::Digest(digest));
    }
    // Before the last slash a colon is a port's.
    let name_at = text.rfind('/').map_or(0, |slash| slash + 1);
    if let Some(colon) = text[name_at..].find(':') {
        let (path, tag) = text.split_at(name_at + colon);
        let tag: Tag = tag[1..].parse().map_err(|_| InvalidHeldRef)?;
        return place(path, Reference::Tag(tag));
    }
    match (arch_of(text), text.rsplit_once('-')) {
        (Some(arch), Some((version, _))) => Ok(Wanted::Release {
            version: version.to_owned(),
            arch,
        }),
        _ if Version::parse(text).is_ok() => Ok(Wanted::Version(text.to_owned())),
        _ => Err(InvalidHeldRef),
    }
}

fn place(path: &str, reference: Reference) -> Result<Wanted, InvalidHeldRef> {
    // What was to be a digest.
    if path.parse::<Algorithm>().is_ok() {
        return Err(InvalidHeldRef);
    }
    let below = path.split_once('/').filter(|(first, _)| is_host(first));
    let paths = [Some(path), below.map(|(_, path)| path)];
    let repositories: Vec<RepoName> = paths
        .into_iter()
        .flatten()
        .filter_map(|path| path.parse().ok())
        .collect();
    if repositories.is_empty() {
        return Err(InvalidHeldRef);
    }
    Ok(Wanted::Place {
        repositories,
        reference,
    })
}

/// Whether image references take this for a host.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

/// A text that names no release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not a release, such as 4.18.7-x86_64, 4.18.7, sha256:... or openshift/release-images:4.18.7-x86_64"
)]
pub struct InvalidHeldRef;

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[track_caller]
    fn wanted(text: &str) -> Wanted {
        text.parse::<HeldRef>().unwrap().wanted
    }

    #[track_caller]
    fn check_place(text: &str, expected: &[&str], reference: &str) {
        let Wanted::Place {
            repositories,
            reference: found,
        } = wanted(text)
        else {
            panic!("{text} is no place");
        };
        assert_eq!(
            repositories
                .iter()
                .map(RepoName::as_str)
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!(found.to_string(), reference);
    }

    #[test]
    fn a_release_is_named_by_tag_version_or_digest() {
        assert_eq!(
            wanted("4.19.0-rc.1-aarch64"),
            Wanted::Release {
                version: "4.19.0-rc.1".to_owned(),
                arch: Arch::Aarch64
            }
        );
        assert_eq!(wanted("4.18.7"), Wanted::Version("4.18.7".to_owned()));
        let digest = format!("sha256:{HEX}");
        assert_eq!(wanted(&digest), Wanted::Digest(digest.parse().unwrap()));
    }

    #[test]
    fn a_place_is_read_with_and_without_the_address() {
        let tag = "4.18.7-x86_64";
        let own = "openshift/release-images";
        check_place(&format!("{own}:{tag}"), &[own], tag);
        check_place(
            &format!("registry.example.com:8443/{own}:{tag}"),
            &[own],
            tag,
        );
        check_place(
            &format!("localhost/{own}:{tag}"),
            &[&format!("localhost/{own}"), own],
            tag,
        );
        let upstream = "quay.io/openshift-release-dev/ocp-release";
        let below = "openshift-release-dev/ocp-release";
        let digest = format!("sha256:{HEX}");
        check_place(&format!("{upstream}@{digest}"), &[upstream, below], &digest);
        check_place("ocp:1", &["ocp"], "1");
    }

    #[test]
    fn what_names_no_release_is_refused() {
        for wrong in [
            "",
            "4.18",
            "latest",
            "a/b",
            "a/b:",
            "a@latest",
            "A/b:1",
            "sha256:44",
            "4.18.7-x86_64-cli",
        ] {
            assert_eq!(wrong.parse::<HeldRef>(), Err(InvalidHeldRef), "{wrong}");
        }
    }
}
