//! Where a cluster looks for the image of a sample once `samplesRegistry` names this registry.
//!
//! The samples operator makes that of the image's own name, and so it is made here. Pure.

use roadstead_storage::oci::{RepoName, Tag};
use thiserror::Error;

/// The registries whose name the operator takes away.
const KNOWN: [&str; 5] = [
    "docker.io",
    "registry.redhat.io",
    "registry.access.redhat.com",
    "quay.io",
    "registry.svc.ci.openshift.org",
];
/// What is meant where no tag is named.
const DEFAULT_TAG: &str = "latest";

/// What the operator makes of an image's name, where its images come from `registry`, which may have a
/// path.
pub fn rewrite(image: &str, registry: &str) -> String {
    if image.starts_with(registry) {
        return image.to_owned();
    }
    if image.matches('/').count() != 2 {
        // The registry's name becomes a part of the path.
        return format!("{registry}/{image}");
    }
    let known = KNOWN.iter().find_map(|known| image.strip_prefix(known));
    let rest = known.unwrap_or_else(|| &image[image.find('/').unwrap_or_default()..]);
    format!("{registry}{rest}")
}

/// Where that is here: below `prefix`, if samples lie below one.
///
/// # Errors
/// When it is no name, or the image is not named by a tag.
pub fn place(image: &str, prefix: Option<&RepoName>) -> Result<(RepoName, Tag), InvalidPlace> {
    // An address that no image begins with stands for this registry's.
    let rewritten = rewrite(image, "\0");
    let path = rewritten.trim_start_matches(['\0', '/']);
    let invalid = || InvalidPlace {
        image: image.to_owned(),
    };
    let (name, tag) = match path.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (path, DEFAULT_TAG),
    };
    // The port of a registry cannot stand in a name.
    let name = match prefix {
        Some(prefix) => format!("{prefix}/{name}"),
        None => name.to_owned(),
    };
    let repository = name.parse().map_err(|_| invalid())?;
    Ok((repository, tag.parse().map_err(|_| invalid())?))
}

/// An image that no cluster could be told to look for here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{image:?} has no place in a registry")]
pub struct InvalidPlace {
    /// Its name.
    pub image: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(image: &str, rewritten: &str, here: Option<(&str, &str)>) {
        assert_eq!(rewrite(image, "reg:8443"), rewritten, "{image}");
        let place = place(image, None).ok();
        let place = place
            .as_ref()
            .map(|(name, tag)| (name.as_str(), tag.as_str()));
        assert_eq!(place, here, "{image}");
    }

    #[test]
    fn images_lie_where_the_operator_will_look() {
        check(
            "registry.redhat.io/ubi8/ruby:1",
            "reg:8443/ubi8/ruby:1",
            Some(("ubi8/ruby", "1")),
        );
        check(
            "registry.access.redhat.com/ubi9/dotnet-100",
            "reg:8443/ubi9/dotnet-100",
            Some(("ubi9/dotnet-100", "latest")),
        );
        check("other.example/a/b:2", "reg:8443/a/b:2", Some(("a/b", "2")));
        check(
            "quay.io/a/b/c:3",
            "reg:8443/quay.io/a/b/c:3",
            Some(("quay.io/a/b/c", "3")),
        );
        check(
            "docker.io/httpd",
            "reg:8443/docker.io/httpd",
            Some(("docker.io/httpd", "latest")),
        );
        check("reg:8443/a/b:1", "reg:8443/a/b:1", Some(("a/b", "1")));
        check("reg:5000/a/b/c:1", "reg:8443/reg:5000/a/b/c:1", None);
        check("quay.io/a/b@sha256:0", "reg:8443/a/b@sha256:0", None);
    }

    #[test]
    fn a_prefix_stands_before_the_path() {
        let prefix: RepoName = "samples/of".parse().unwrap();
        let (name, tag) = place("quay.io/a/b:1", Some(&prefix)).unwrap();
        assert_eq!((name.as_str(), tag.as_str()), ("samples/of/a/b", "1"));
        let rewritten = rewrite("quay.io/a/b:1", "reg:8443/samples/of");
        assert_eq!(rewritten, "reg:8443/samples/of/a/b:1");
    }
}
