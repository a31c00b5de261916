//! Names of repositories and tags (distribution-spec, "Pulling manifests").
//!
//! Both are checked once, when they are parsed, and are then safe to be path components: neither can
//! hold `..`, a leading dot, a NUL or an upper-case repository letter.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{InvalidName, InvalidTag};

/// Clients cap `host/name` at 255 characters; the reference registry caps the name itself there.
const MAX_NAME: usize = 255;
/// The specification's limit of a tag.
const MAX_TAG: usize = 128;

/// The name of a repository, such as `openshift/release`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoName(Arc<str>);

/// A tag, such as `4.18.7-x86_64`. Case counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Arc<str>);

impl FromStr for RepoName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_NAME {
            return Err(InvalidName::Length);
        }
        if !text.split('/').all(is_component) {
            return Err(InvalidName::Grammar);
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let head = bytes.next().ok_or(InvalidTag)?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let rest_is_tag = bytes.all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
        if text.len() <= MAX_TAG && is_word(head) && rest_is_tag {
            Ok(Self(text.into()))
        } else {
            Err(InvalidTag)
        }
    }
}

/// One component of a repository name: runs of lower-case letters and digits, joined by one dot,
/// one or two underscores, or any number of dashes.
fn is_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|byte| is_word(byte)).count();
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        let joint = rest.iter().take_while(|byte| !is_word(byte)).count();
        match &rest[..joint] {
            [] => return rest.is_empty(),
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|byte| *byte == b'-') => {}
            _ => return false,
        }
        rest = &rest[joint..];
    }
}

macro_rules! text_type {
    ($type:ident, $error:ident) => {
        impl $type {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Debug for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Debug::fmt(&self.0, f)
            }
        }

        impl Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0.as_ref().to_owned()
            }
        }

        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

text_type!(RepoName, InvalidName);
text_type!(Tag, InvalidTag);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn name(text: &str, valid: bool) {
        assert_eq!(text.parse::<RepoName>().is_ok(), valid, "{text:?}");
    }

    #[track_caller]
    fn tag(text: &str, valid: bool) {
        assert_eq!(text.parse::<Tag>().is_ok(), valid, "{text:?}");
    }

    #[test]
    fn repository_names_follow_the_grammar() {
        for valid in [
            "a",
            "0",
            "a/b/c",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a-----b",
            "quay.io/openshift-release-dev/ocp-release",
            "blobs/uploads/manifests",
        ] {
            name(valid, true);
        }
        for invalid in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            "A",
            "a..b",
            "a___b",
            "a._b",
            "-a",
            "a-",
            "_a",
            "a.",
            "_manifests",
            "a b",
            "a:b",
            "a\0",
            "é",
            "a-_b",
            "a%2fb",
        ] {
            name(invalid, false);
        }
        name(&"a".repeat(255), true);
        name(&"a".repeat(256), false);
    }

    #[test]
    fn tags_follow_the_grammar() {
        for valid in ["a", "_", "A.b-c_", "4.18.7-x86_64", "sha256-abc.sig"] {
            tag(valid, true);
        }
        for invalid in [
            "", ".", "-", ".a", "-a", "a/b", "a:b", "a b", "é", "a\n", "a+b",
        ] {
            tag(invalid, false);
        }
        tag(&"a".repeat(128), true);
        tag(&"a".repeat(129), false);
    }
}
