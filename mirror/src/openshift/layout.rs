//! Where a mirrored release lies in the store, and under which tags.
//!
//! Two layouts are known to clusters' tools: release images and components apart, or all in one
//! repository. Tags are the same in both. Knows nothing of what lies there.

use roadstead_storage::oci::{InvalidTag, RepoName, Tag};

use super::arch::Arch;

/// Where release images lie if nothing else is said.
const RELEASE_IMAGES: &str = "openshift/release-images";
/// Where components lie then.
const COMPONENTS: &str = "openshift/release";

/// Where a release lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The repository of release images.
    pub images: RepoName,
    /// The repository of their components.
    pub components: RepoName,
}

impl Layout {
    /// All in one repository.
    pub fn single(repository: RepoName) -> Self {
        Self {
            images: repository.clone(),
            components: repository,
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        let name = |text: &str| text.parse().expect("a constant that is a name");
        Self {
            images: name(RELEASE_IMAGES),
            components: name(COMPONENTS),
        }
    }
}

/// The tag of a release image: `4.18.7-x86_64`.
///
/// # Errors
/// When the version cannot stand in a tag.
pub fn release_tag(version: &str, arch: Arch) -> Result<Tag, InvalidTag> {
    format!("{version}-{arch}").parse()
}

/// The tag of a component: `4.18.7-x86_64-cli`.
///
/// # Errors
/// When the version or the name cannot stand in a tag.
pub fn component_tag(version: &str, arch: Arch, component: &str) -> Result<Tag, InvalidTag> {
    format!("{version}-{arch}-{component}").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_that_oc_makes() {
        let tag = release_tag("4.18.7", Arch::X86_64).unwrap();
        assert_eq!(tag.as_str(), "4.18.7-x86_64");
        let tag = component_tag("4.18.7", Arch::Aarch64, "cli").unwrap();
        assert_eq!(tag.as_str(), "4.18.7-aarch64-cli");
        component_tag("4.18.7", Arch::Multi, "a/b").unwrap_err();
    }

    #[test]
    fn a_release_lies_in_two_repositories_unless_one_is_named() {
        let apart = Layout::default();
        assert_eq!(apart.images.as_str(), "openshift/release-images");
        assert_eq!(apart.components.as_str(), "openshift/release");
        let one = Layout::single("ocp4/openshift4".parse().unwrap());
        assert_eq!(one.images, one.components);
    }
}
