//! What a command brings along to judge a release by, in place of what is configured.
//!
//! Keys and signatures are read by the command, with its caller's rights, and travel as bytes; stores on the
//! web are asked by who carries it out. Knows nothing of what they are worth.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use roadstead_mirror::openshift::signature::StoreUrl;
use roadstead_storage::oci::Digest;
use serde::{Deserialize, Serialize};

use crate::admin::text;

/// What a release is to be judged by. What is empty is as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GivenTrust {
    /// Files of keys, any of which suffices.
    pub(crate) keys: Vec<GivenFile>,
    /// Where signatures are found.
    pub(crate) stores: Vec<GivenStore>,
    /// Whether a release that nobody vouches for will do.
    pub(crate) allow_unsigned: bool,
}

/// A file of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GivenFile {
    /// As the command line names it.
    pub(crate) name: String,
    /// What is in it.
    #[serde(with = "text::one")]
    pub(crate) bytes: Encoded,
}

/// Where signatures are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GivenStore {
    /// In a directory of the caller, of which this is all.
    Directory(Vec<GivenSignature>),
    /// On the web.
    Web(#[serde(with = "text::one")] StoreUrl),
}

/// A signature in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GivenSignature {
    /// The release that it is for, as its path says.
    pub(crate) release: Digest,
    /// Its number.
    pub(crate) number: u8,
    /// Itself.
    #[serde(with = "text::one")]
    pub(crate) bytes: Encoded,
}

/// Bytes that cross the socket in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded(pub(crate) Vec<u8>);

impl Display for Encoded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl FromStr for Encoded {
    type Err = base64::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_arrives_as_it_was() {
        let given = GivenTrust {
            keys: vec![GivenFile {
                name: "key.asc".to_owned(),
                bytes: Encoded(vec![0, 0xff, b'\n']),
            }],
            stores: vec![
                GivenStore::Web("https://a.example/b".parse().unwrap()),
                GivenStore::Directory(vec![GivenSignature {
                    release: format!("sha256:{}", "a1".repeat(32)).parse().unwrap(),
                    number: 2,
                    bytes: Encoded(vec![0xa3]),
                }]),
            ],
            allow_unsigned: true,
        };
        let sent = serde_json::to_string(&given).unwrap();
        let arrived: GivenTrust = serde_json::from_str(&sent).unwrap();
        assert_eq!(arrived, given);
    }
}
