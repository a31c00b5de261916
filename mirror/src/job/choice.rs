//! Which manifests of a list of images are wanted.

use std::collections::HashSet;

use roadstead_storage::oci::{Descriptor, Digest, Manifest};

use super::failure::Failure;
use super::order::Platforms;

/// How a list names the image that an attestation is about, as buildkit writes it.
const SUBJECT: &str = "vnd.docker.reference.digest";
/// What an attestation runs on.
const NOWHERE: &str = "unknown";

/// The children of a list that are wanted: those for the platforms, what attests to them, and lists,
/// which may have such.
///
/// # Errors
/// [`Failure::NoPlatform`] when a list has children, and none of them is for any of the platforms.
pub(super) fn of<'a>(
    digest: Digest,
    list: &'a Manifest,
    platforms: &Platforms,
) -> Result<Vec<&'a Descriptor>, Failure> {
    let children = list.children();
    let wanted = match platforms {
        Platforms::All => return Ok(children.iter().collect()),
        Platforms::Only(_) if children.is_empty() => return Ok(Vec::new()),
        Platforms::Only(wanted) => wanted,
    };
    let is_wanted = |child: &&Descriptor| match &child.platform {
        Some(platform) => wanted.iter().any(|wanted| wanted.matches(platform)),
        None => child.media_type.is_index(),
    };
    let chosen: HashSet<_> = children
        .iter()
        .filter(is_wanted)
        .map(|child| child.digest)
        .collect();
    if chosen.is_empty() {
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        let wanted = wanted.join(" or ");
        return Err(Failure::NoPlatform { digest, wanted });
    }
    let attests = |child: &Descriptor| {
        let runs_nowhere = child
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == NOWHERE && platform.architecture == NOWHERE);
        let annotations = child.annotations.as_ref();
        let subject = annotations.and_then(|annotations| annotations.get(SUBJECT)?.parse().ok());
        runs_nowhere && subject.is_some_and(|subject: Digest| chosen.contains(&subject))
    };
    let wanted = children.iter();
    Ok(wanted
        .filter(|child| chosen.contains(&child.digest) || attests(child))
        .collect())
}

#[cfg(test)]
mod tests {
    use roadstead_storage::oci::Algorithm;
    use serde_json::{Value, json};

    use super::*;

    fn child(text: &str, os: &str, architecture: &str) -> Value {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(Algorithm::Sha256, text.as_bytes()),
            "size": text.len(),
            "platform": { "os": os, "architecture": architecture },
        })
    }

    fn attestation(text: &str, subject: &str) -> Value {
        let mut child = child(text, NOWHERE, NOWHERE);
        let subject = Digest::of(Algorithm::Sha256, subject.as_bytes());
        child["annotations"] = json!({ SUBJECT: subject });
        child
    }

    fn list(children: &[Value]) -> Manifest {
        let document = json!({ "schemaVersion": 2, "manifests": children });
        let media_type = "application/vnd.oci.image.index.v1+json";
        Manifest::parse(Some(media_type), document.to_string().into()).unwrap()
    }

    #[track_caller]
    fn check(children: &[Value], platforms: &Platforms, expected: &[&str]) {
        let list = list(children);
        let digest = list.digest(Algorithm::Sha256);
        let chosen = of(digest, &list, platforms).unwrap();
        let chosen: Vec<_> = chosen.iter().map(|child| child.digest).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|text| Digest::of(Algorithm::Sha256, text.as_bytes()))
            .collect();
        assert_eq!(chosen, expected);
    }

    fn only(platform: &str) -> Platforms {
        Platforms::Only(vec![platform.parse().unwrap()])
    }

    #[test]
    fn what_attests_to_a_wanted_image_is_wanted_too() {
        let children = [
            child("amd", "linux", "amd64"),
            child("arm", "linux", "arm64"),
            attestation("of amd", "amd"),
            attestation("of arm", "arm"),
        ];
        check(&children, &only("linux/arm64"), &["arm", "of arm"]);
        check(
            &children,
            &Platforms::All,
            &["amd", "arm", "of amd", "of arm"],
        );
    }

    #[test]
    fn a_list_for_other_platforms_is_not_what_was_wanted() {
        let list = list(&[child("amd", "linux", "amd64")]);
        let digest = list.digest(Algorithm::Sha256);
        let refused = of(digest, &list, &only("linux/s390x")).unwrap_err();
        assert!(
            refused.to_string().ends_with("runs on linux/s390x"),
            "{refused}"
        );
    }

    #[test]
    fn an_empty_list_has_all_that_is_wanted_of_it() {
        check(&[], &only("linux/amd64"), &[]);
    }
}
