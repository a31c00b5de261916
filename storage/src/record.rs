//! The small JSON records behind manifests and tags.
//!
//! Written whole and never changed in place. Unknown fields are tolerated, so that an older version
//! can read what a newer one of the same format wrote.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::oci::{Digest, MediaType};

/// How content came here, which decides who may remove it: see "Names in the store" in the docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// A client pushed it.
    Pushed,
}

/// Who does something, as the log and the records name them. Opaque to the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Principal(String);

impl Principal {
    /// Names somebody.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a repository knows of a manifest; the bytes lie in the blob of the same digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManifestRecord {
    pub(crate) media_type: MediaType,
    pub(crate) size: u64,
    pub(crate) stored_at: Timestamp,
    pub(crate) by: Principal,
    pub(crate) origin: Origin,
}

/// What a tag names, and since when.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagRecord {
    pub(crate) digest: Digest,
    pub(crate) set_at: Timestamp,
    pub(crate) by: Principal,
    pub(crate) origin: Origin,
}

/// A point in time, written as RFC 3339 in UTC with seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(SystemTime);

impl From<SystemTime> for Timestamp {
    /// A clock before 1970 counts as 1970.
    fn from(time: SystemTime) -> Self {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        humantime::format_rfc3339_seconds(timestamp.0).to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = humantime::TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_rfc3339(&text).map(Self)
    }
}
