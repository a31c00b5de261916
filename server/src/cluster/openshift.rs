//! The objects by which `OpenShift` is told of mirrors.
//!
//! Owns their kinds and names. Invariant: an object of the same name takes the place of the one before,
//! so that each of ours is applied again and again.

use serde_json::json;

use super::mirrors::Mirrors;
use super::{trust, yaml};

/// What our objects are called.
pub(super) const NAME: &str = "roadstead";

/// The `ImageDigestMirrorSet`, of `OpenShift` 4.13 and later.
pub(crate) fn image_digest_mirror_set(mirrors: &Mirrors) -> String {
    yaml::document(&json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ImageDigestMirrorSet",
        "metadata": { "name": NAME },
        "spec": { "imageDigestMirrors": mirrors.items() },
    }))
}

/// The `ImageTagMirrorSet`, of `OpenShift` 4.13 and later.
pub(crate) fn image_tag_mirror_set(mirrors: &Mirrors) -> String {
    yaml::document(&json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ImageTagMirrorSet",
        "metadata": { "name": NAME },
        "spec": { "imageTagMirrors": mirrors.items() },
    }))
}

/// The `ImageContentSourcePolicy`, of `OpenShift` before 4.13.
pub(crate) fn image_content_source_policy(mirrors: &Mirrors) -> String {
    yaml::document(&json!({
        "apiVersion": "operator.openshift.io/v1alpha1",
        "kind": "ImageContentSourcePolicy",
        "metadata": { "name": NAME },
        "spec": { "repositoryDigestMirrors": mirrors.items() },
    }))
}

/// The lines that install-config.yaml needs beyond its own.
pub(crate) fn install_config(mirrors: &Mirrors, pem: &str) -> String {
    let mirrors = yaml::document(&json!({ "imageDigestSources": mirrors.items() }));
    trust::install_config(pem) + &mirrors
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{PEM, address, facts, release};
    use super::super::mirrors::Scope;
    use super::*;

    /// As `oc adm release mirror` prints it for a release in one repository.
    const ITEMS: &str = "\
- mirrors:
  - registry.example.com:8443/ocp4/openshift4
  source: quay.io/openshift-release-dev/ocp-release
- mirrors:
  - registry.example.com:8443/ocp4/openshift4
  source: quay.io/openshift-release-dev/ocp-v4.0-art-dev
";

    fn mirrors() -> Mirrors {
        let release = release("4.18.7", "ocp4/openshift4", "ocp4/openshift4");
        let facts = facts(vec![release], Vec::new());
        Mirrors::by_digest(&facts, &address(), Scope::Everything)
    }

    fn indented(text: &str) -> String {
        let lines = text.lines().map(|line| format!("  {line}\n"));
        lines.collect()
    }

    #[track_caller]
    fn check(written: &str, kind: &str, api: &str, list: &str) {
        let items = indented(ITEMS);
        let expected = format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: roadstead\nspec:\n  {list}:\n{items}"
        );
        assert_eq!(written, expected);
    }

    #[test]
    fn the_objects_are_those_that_oc_prints() {
        let mirrors = mirrors();
        check(
            &image_digest_mirror_set(&mirrors),
            "ImageDigestMirrorSet",
            "config.openshift.io/v1",
            "imageDigestMirrors",
        );
        check(
            &image_tag_mirror_set(&mirrors),
            "ImageTagMirrorSet",
            "config.openshift.io/v1",
            "imageTagMirrors",
        );
        check(
            &image_content_source_policy(&mirrors),
            "ImageContentSourcePolicy",
            "operator.openshift.io/v1alpha1",
            "repositoryDigestMirrors",
        );
    }

    #[test]
    fn an_install_config_gets_mirrors_and_trust() {
        let expected = format!(
            "additionalTrustBundle: |\n{}additionalTrustBundlePolicy: Always\nimageDigestSources:\n{ITEMS}",
            indented(PEM)
        );
        assert_eq!(install_config(&mirrors(), PEM), expected);
    }
}
