//! The signatures of releases, as clusters read them.
//!
//! A cluster accepts an update when a config map of this namespace and label holds a signature of it
//! that its own keys made. Ours are called as `oc` calls them, so that both tools' are the same object.

use serde_json::{Map, Value, json};

use super::facts::Release;
use super::yaml;

const NAMESPACE: &str = "openshift-config-managed";
const LABEL: &str = "release.openshift.io/verification-signatures";

/// A config map for each of these releases that has signatures.
pub(crate) fn signatures<'a>(releases: impl Iterator<Item = &'a Release>) -> String {
    let signed = releases.filter(|release| !release.signatures.is_empty());
    yaml::documents(&signed.map(object).collect::<Vec<_>>())
}

fn object(release: &Release) -> Value {
    let name = release.digest.to_string().replace(':', "-");
    let numbered = release.signatures.iter().zip(1..);
    let data = numbered.map(|(signature, n)| (format!("{name}-{n}"), json!(signature)));
    json!({
        "apiVersion": "v1",
        "binaryData": data.collect::<Map<_, _>>(),
        "kind": "ConfigMap",
        "metadata": {
            "labels": { LABEL: "" },
            "name": name,
            "namespace": NAMESPACE,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::release;
    use super::*;

    #[test]
    fn each_signed_release_has_a_config_map_with_all_its_signatures() {
        let mut one = release("4.18.7", "a", "a");
        one.signatures.push("AQID".to_owned());
        let mut unsigned = release("4.18.8", "a", "a");
        unsigned.signatures.clear();
        let hex = one.digest.hex();
        let expected = format!(
            "apiVersion: v1\nbinaryData:\n  sha256-{hex}-1: AAEC\n  sha256-{hex}-2: AQID\nkind: ConfigMap\n\
             metadata:\n  labels:\n    release.openshift.io/verification-signatures: \"\"\n  \
             name: sha256-{hex}\n  namespace: openshift-config-managed\n"
        );
        assert_eq!(signatures([&one, &unsigned].into_iter()), expected);
        let both = signatures([&one, &one].into_iter());
        assert_eq!(both, format!("{expected}---\n{expected}"));
    }
}
