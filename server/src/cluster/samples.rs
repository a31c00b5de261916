//! The sample images, as the operator that imports them is told of them.
//!
//! Whatever is not held whole is skipped: the operator raises an alarm for each image stream that it
//! cannot import. Invariant: a stream that misses an image in any release is skipped for all.

use serde_json::json;

use super::facts::Samples;
use super::yaml;
use crate::config::address::Address;

/// The operator's configuration.
pub(crate) fn config(samples: &Samples, address: &Address) -> String {
    let registry = match &samples.prefix {
        Some(prefix) => format!("{address}/{prefix}"),
        None => address.to_string(),
    };
    yaml::document(&json!({
        "apiVersion": "samples.operator.openshift.io/v1",
        "kind": "Config",
        "metadata": { "name": "cluster" },
        "spec": {
            "managementState": "Managed",
            "samplesRegistry": registry,
            "skippedImagestreams": samples.incomplete,
        },
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::facts::tests::address;
    use super::*;

    #[track_caller]
    fn check(prefix: Option<&str>, incomplete: &[&str], expected: &str) {
        let samples = Samples {
            prefix: prefix.map(|prefix| prefix.parse().unwrap()),
            complete: BTreeSet::from(["ruby".to_owned()]),
            incomplete: incomplete.iter().map(ToString::to_string).collect(),
            mirrors: BTreeMap::new(),
        };
        let head = "apiVersion: samples.operator.openshift.io/v1\nkind: Config\nmetadata:\n  name: cluster\n\
                    spec:\n  managementState: Managed\n  samplesRegistry: registry.example.com:8443";
        assert_eq!(config(&samples, &address()), format!("{head}{expected}"));
    }

    #[test]
    fn streams_that_are_not_whole_are_skipped() {
        let skipped = "\n  skippedImagestreams:\n  - java\n  - nodejs\n";
        check(None, &["nodejs", "java"], skipped);
    }

    #[test]
    fn an_empty_list_takes_the_place_of_an_older_one() {
        check(
            Some("samples"),
            &[],
            "/samples\n  skippedImagestreams: []\n",
        );
    }
}
