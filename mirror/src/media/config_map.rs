//! Signatures of releases as config maps for clusters, which is how oc writes them beside images.
//!
//! Does not verify them: that is done where a release is used. Invariant: only what is named as the
//! signature of a digest is taken, and only so much of it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use roadstead_storage::oci::Digest;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::name;

/// The most signatures that one file may hold.
const MOST: usize = 10_000;

/// Where a cluster looks for them.
const NAMESPACE: &str = "openshift-config-managed";
const LABEL: &str = "release.openshift.io/verification-signatures";

/// A file that is no such config map.
#[derive(Debug, Error)]
pub(super) enum Invalid {
    #[error("a signature in it is not written in base64")]
    Base64(#[from] base64::DecodeError),
    #[error("it is not a config map of signatures")]
    Shape,
    #[error("it holds more than {MOST} signatures")]
    TooMany,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigMap {
    kind: String,
    #[serde(default)]
    binary_data: BTreeMap<String, String>,
}

/// The signatures in a config map, JSON or YAML, each with what it signs.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(Digest, Bytes)>, Invalid> {
    let text = str::from_utf8(bytes).map_err(|_| Invalid::Shape)?;
    let map: ConfigMap = match serde_json::from_str(text) {
        Ok(map) => map,
        Err(_) => serde_saphyr::from_str(text).map_err(|_| Invalid::Shape)?,
    };
    if map.kind != "ConfigMap" {
        return Err(Invalid::Shape);
    }
    if map.binary_data.len() > MOST {
        return Err(Invalid::TooMany);
    }
    let mut signatures = Vec::new();
    for (key, encoded) in map.binary_data {
        // `sha256-<hex>-<number>`; other keys are none of ours.
        let Some(digest) = key
            .rsplit_once('-')
            .and_then(|(named, _)| name::digest(named))
        else {
            continue;
        };
        signatures.push((digest, BASE64_STANDARD.decode(encoded.trim())?.into()));
    }
    Ok(signatures)
}

/// The config map of a digest's signatures, and what its file is called.
pub(super) fn write(digest: Digest, signatures: &[Bytes]) -> (String, Bytes) {
    let (algorithm, hex) = (digest.algorithm(), digest.hex());
    let keys = signatures.iter().zip(1..).map(|(signature, number)| {
        let key = format!("{algorithm}-{hex}-{number}");
        (key, BASE64_STANDARD.encode(signature))
    });
    let document = json!({
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {
            "name": format!("{algorithm}-{hex}"),
            "namespace": NAMESPACE,
            "labels": { LABEL: "" },
        },
        "binaryData": keys.collect::<BTreeMap<_, _>>(),
    });
    let text = serde_json::to_vec_pretty(&document).expect("texts and maps make JSON");
    let short = hex.get(..16).unwrap_or(&hex);
    (format!("signature-{algorithm}-{short}.json"), text.into())
}

#[cfg(test)]
mod tests {
    use roadstead_storage::oci::Algorithm;

    use super::*;

    #[test]
    fn signatures_are_read_back_as_they_were_written() {
        let digest = Digest::of(Algorithm::Sha256, b"release");
        let signatures = [Bytes::from_static(b"\x01\xff"), Bytes::from_static(b"two")];
        let (name, bytes) = write(digest, &signatures);
        assert_eq!(
            name,
            format!("signature-sha256-{}.json", &digest.hex()[..16])
        );
        let expected = signatures.map(|signature| (digest, signature));
        assert_eq!(parse(&bytes).unwrap(), expected);
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document["metadata"]["labels"][LABEL], "");
        assert_eq!(document["metadata"]["namespace"], NAMESPACE);
    }

    #[test]
    fn a_config_map_in_yaml_is_one_too_and_other_files_are_none() {
        let hex = "0123456789abcdef".repeat(4);
        let yaml = format!(
            "apiVersion: v1\nkind: ConfigMap\nbinaryData:\n  sha256-{hex}-1: AQI=\n  other: AQI=\n"
        );
        let signatures = parse(yaml.as_bytes()).unwrap();
        assert_eq!(signatures.len(), 1);
        assert_eq!(signatures[0].1, [1, 2].as_slice());
        for other in ["", "{}", "kind: Secret", "\u{1}", "[]"] {
            assert!(
                matches!(parse(other.as_bytes()), Err(Invalid::Shape)),
                "{other}"
            );
        }
        let wrong = yaml.replace("AQI=\n  other", "AQ*=\n  other");
        assert!(matches!(parse(wrong.as_bytes()), Err(Invalid::Base64(_))));
    }
}
