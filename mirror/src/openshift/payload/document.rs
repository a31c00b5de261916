//! The two documents of a release, as far as they are looked at.
//!
//! Owns their shape and nothing of what it means.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What `image-references` is: its kind and version.
pub(super) const IMAGE_STREAM: (&str, &str) = ("ImageStream", "image.openshift.io/v1");
/// What `release-metadata` is.
pub(super) const METADATA: &str = "cincinnati-metadata-v0";

/// `image-references`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageStream {
    pub(super) kind: String,
    pub(super) api_version: String,
    pub(super) metadata: Named,
    #[serde(default)]
    pub(super) spec: Spec,
}

/// What has a name.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

/// What a stream lists.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Spec {
    #[serde(default)]
    pub(super) tags: Vec<StreamTag>,
}

/// A tag of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamTag {
    pub(super) name: String,
    pub(super) from: Option<From>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// What a tag of a stream stands for.
#[derive(Debug, Deserialize)]
pub(super) struct From {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
}

/// `release-metadata`.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) kind: String,
    pub(super) version: String,
}
