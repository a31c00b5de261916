//! The config map `imagestreamtag-to-image` of a cluster: each tag of each stream, and its image.
//!
//! Owns its shape. What oc prints is read, YAML or JSON, which is YAML too.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

#[derive(Debug, Deserialize)]
struct ConfigMap {
    kind: String,
    data: BTreeMap<String, String>,
}

/// Each stream with each image that it needs.
///
/// # Errors
/// When it is another document.
pub(super) fn images(text: &str) -> Result<Vec<(String, Option<String>)>, InvalidConfigMap> {
    let map: ConfigMap = serde_saphyr::from_str(text).map_err(|error| {
        let because = error.to_string();
        InvalidConfigMap::Unreadable { because }
    })?;
    if map.kind != "ConfigMap" || map.data.is_empty() {
        return Err(InvalidConfigMap::Other);
    }
    let entries = map.data.into_iter();
    entries
        .map(|(key, image)| match key.split_once('_') {
            // No name of a stream has an underscore (RFC 1123, 2.1), and a tag may.
            Some((stream, _)) if !stream.is_empty() => Ok((stream.to_owned(), Some(image))),
            _ => Err(InvalidConfigMap::Key { key }),
        })
        .collect()
}

/// A text that is not the config map of samples.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidConfigMap {
    /// A key has not the form that they have.
    #[error("the key {key:?} is not STREAM_TAG, as in imagestreamtag-to-image")]
    Key {
        /// The key.
        key: String,
    },
    /// It is another document.
    #[error("it is no config map with data")]
    Other,
    /// It is neither YAML nor JSON, or of another shape.
    #[error("it cannot be read: {because}")]
    Unreadable {
        /// Where, and why.
        because: String,
    },
}
