//! The name of an account.
//!
//! Owns the grammar: what may stand in the user file, in a rule, in a token and in a log line. It
//! knows nothing of passwords or rights. A parsed name can hold no colon (the user file's separator),
//! no white space and no control character, and is none of the words that rules reserve.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longer names are a mistake, and would only fill logs.
const MAX_NAME: usize = 128;

/// Words a rule's `who` gives a meaning of their own.
const RESERVED: [&str; 2] = ["anonymous", "authenticated"];

/// Who may log in: letters, digits and `. _ - + @`, beginning with a letter or a digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct UserName(Arc<str>);

impl UserName {
    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_NAME {
            return Err(InvalidUserName::Length);
        }
        if RESERVED.contains(&text) {
            return Err(InvalidUserName::Reserved);
        }
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
        if !starts_well || !text.chars().all(is_name) {
            return Err(InvalidUserName::Grammar);
        }
        Ok(Self(text.into()))
    }
}

impl Display for UserName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for UserName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl TryFrom<String> for UserName {
    type Error = InvalidUserName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Why a text is no user name. The text itself is not repeated: it may be a mistyped password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidUserName {
    /// A character that a name cannot hold, or none at all.
    #[error("a user name is letters, digits and `. _ - + @`, beginning with a letter or a digit")]
    Grammar,
    /// Longer than 128 bytes.
    #[error("a user name has at most 128 characters")]
    Length,
    /// `anonymous` or `authenticated`.
    #[error("`anonymous` and `authenticated` have a meaning of their own in rules")]
    Reserved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, valid: bool) {
        assert_eq!(text.parse::<UserName>().is_ok(), valid, "{text:?}");
    }

    #[test]
    fn names_hold_nothing_that_a_file_or_a_log_could_misread() {
        for valid in [
            "a",
            "0",
            "ci-bot",
            "ann@example.com",
            "a.b_c+d",
            &"a".repeat(128),
        ] {
            check(valid, true);
        }
        for invalid in [
            "",
            "-a",
            ".a",
            "a:b",
            "a b",
            "a\n",
            "a\0",
            "é",
            "a/b",
            "#a",
            "<token>",
            "anonymous",
            "authenticated",
            &"a".repeat(129),
        ] {
            check(invalid, false);
        }
    }
}
