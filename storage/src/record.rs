//! The small JSON records behind manifests and tags.
//!
//! Written whole and never changed in place. Unknown fields are tolerated, so that an older version
//! can read what a newer one of the same format wrote. The last field, `check`, is a hash of the rest:
//! a record of which a bit has changed is no record, however well it parses.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::oci::{Algorithm, Digest, MediaType};

/// How content came here, which decides who may remove it: see "Names in the store" in the docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// A command or a job brought it from an upstream.
    Mirrored,
    /// A client's miss brought it from an upstream. It may go when room is needed.
    PulledThrough,
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
    /// When its upstream last said that it names this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checked_at: Option<Timestamp>,
}

/// What stands between a record and the hash of it.
const CHECK: &[u8] = br#","check":""#;
/// What ends a record that has its hash.
const END: &[u8] = br#""}"#;
/// How much of the SHA-256 is kept, in hexadecimal digits.
const CHECK_DIGITS: usize = 16;

/// The bytes of a record, which must be a struct with at least one field.
pub(crate) fn encode(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).expect("a record is plain data");
    let check = check(&bytes);
    bytes.pop();
    [&bytes, CHECK, check.as_bytes(), END].concat()
}

/// Reads a record back; `None` when these are not, to the last bit, the bytes of one.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (rest, found) = bytes
        .strip_suffix(END)?
        .split_last_chunk::<CHECK_DIGITS>()?;
    let record = [rest.strip_suffix(CHECK)?, b"}"].concat();
    if check(&record).as_bytes() != found {
        return None;
    }
    serde_json::from_slice(&record).ok()
}

fn check(record: &[u8]) -> String {
    let mut hex = Digest::of(Algorithm::Sha256, record).hex();
    hex.truncate(CHECK_DIGITS);
    hex
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TagRecord {
        TagRecord {
            digest: Digest::of(Algorithm::Sha256, b""),
            set_at: SystemTime::UNIX_EPOCH.into(),
            by: Principal::new("alice"),
            origin: Origin::Pushed,
            checked_at: None,
        }
    }

    #[test]
    fn a_record_is_json_and_is_read_back() {
        let bytes = encode(&record());
        let json: serde_json::Value = serde_json::from_slice(&bytes).expect("it is JSON");
        assert_eq!(json["by"], "alice");
        let back: TagRecord = decode(&bytes).expect("it is whole");
        assert_eq!(back.digest, record().digest);
    }

    #[test]
    fn a_record_with_any_bit_changed_or_any_byte_gone_is_none() {
        let bytes = encode(&record());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<TagRecord>(&flipped).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(
                decode::<TagRecord>(&bytes[..length]).is_none(),
                "{length} bytes"
            );
        }
    }
}
