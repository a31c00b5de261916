//! What podman, skopeo and CRI-O are told: a file for `registries.conf.d`.
//!
//! Owns its grammar (containers-registries.conf(5)). A mirror that has tags and digests of its source is
//! asked for both; one that has only digests is not asked for tags, and the other way round.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::mirrors::Mirrors;

/// What the file is called.
pub(crate) const FILE: &str = "roadstead.conf";

/// Where it belongs, below the directory of the tools' configuration.
pub(crate) const DIRECTORY: &str = "registries.conf.d";

/// The file.
pub(crate) fn registries(by_digest: &Mirrors, by_tag: &Mirrors) -> String {
    let mut text = String::from("# Written by `roadstead cluster podman`.\n");
    let all = by_digest.iter().chain(by_tag.iter());
    let sources: BTreeSet<&String> = all.map(|(source, _)| source).collect();
    for source in sources {
        write!(text, "\n[[registry]]\nlocation = \"{source}\"\n")
            .expect("a string takes what is written");
        let digests: BTreeSet<&str> = by_digest.of(source).collect();
        let tags: BTreeSet<&str> = by_tag.of(source).collect();
        for location in digests.union(&tags) {
            let only = match (digests.contains(location), tags.contains(location)) {
                (true, false) => "pull-from-mirror = \"digest-only\"\n",
                (false, true) => "pull-from-mirror = \"tag-only\"\n",
                _ => "",
            };
            write!(
                text,
                "[[registry.mirror]]\nlocation = \"{location}\"\n{only}"
            )
            .expect("a string takes what is written");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{address, facts, release, repository};
    use super::super::mirrors::Scope;
    use super::*;

    #[test]
    fn each_mirror_is_asked_for_what_it_has() {
        let repositories = vec![
            repository("quay.io/a", "quay.io/a", false),
            repository("quay.io/b", "quay.io/b", true),
        ];
        let mut facts = facts(vec![release("4.18.7", "images", "parts")], repositories);
        let mirrors = std::collections::BTreeMap::from([(
            "quay.io/a".to_owned(),
            "samples/a".parse().unwrap(),
        )]);
        facts.samples = Some(super::super::facts::Samples {
            prefix: None,
            complete: BTreeSet::new(),
            incomplete: BTreeSet::new(),
            mirrors,
        });
        let expected = r#"# Written by `roadstead cluster podman`.

[[registry]]
location = "quay.io/a"
[[registry.mirror]]
location = "registry.example.com:8443/quay.io/a"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "registry.example.com:8443/samples/a"
pull-from-mirror = "tag-only"

[[registry]]
location = "quay.io/b"
[[registry.mirror]]
location = "registry.example.com:8443/quay.io/b"

[[registry]]
location = "quay.io/openshift-release-dev/ocp-release"
[[registry.mirror]]
location = "registry.example.com:8443/images"

[[registry]]
location = "quay.io/openshift-release-dev/ocp-v4.0-art-dev"
[[registry.mirror]]
location = "registry.example.com:8443/parts"
pull-from-mirror = "digest-only"
"#;
        let by_digest = Mirrors::by_digest(&facts, &address(), Scope::Everything);
        let by_tag = Mirrors::by_tag(&facts, &address(), Scope::Everything);
        let written = registries(&by_digest, &by_tag);
        assert_eq!(written, expected);
        toml::from_str::<toml::Table>(&written).unwrap();
    }
}
