//! Who may do what, as the configuration says it: the `[auth]` section.
//!
//! Owns the section's grammar and defaults. It decides nothing: `auth/grant.rs` does, from these
//! values. Invariant: every pattern compiles and every name is a name.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::auth::name::{InvalidUserName, UserName};
use crate::auth::pattern::RepoPattern;
use crate::config::invalid::{Invalid, parse, parse_all};
use crate::config::unit::Span;

/// The `[auth]` section, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Config {
    /// What is open without login.
    pub(crate) anonymous: Anonymous,
    /// How long an access token is good.
    pub(crate) token_lifetime: Span,
    /// In the order of the file; all that name a repository count together.
    #[serde(rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Rule>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            anonymous: Anonymous::Pull,
            token_lifetime: Span::seconds(300),
            rules: Vec::new(),
        }
    }
}

/// What everyone may do without login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Anonymous {
    /// Nothing.
    None,
    /// Pull, save where a rule says otherwise.
    Pull,
    /// Everything, deletion included; rules say nothing then.
    Push,
}

impl FromStr for Anonymous {
    type Err = InvalidAnonymous;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "pull" => Ok(Self::Pull),
            "push" => Ok(Self::Push),
            _ => Err(InvalidAnonymous),
        }
    }
}

/// A word that is no mode of anonymous access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("neither \"none\", \"pull\" nor \"push\"")]
pub(crate) struct InvalidAnonymous;

/// Who may do what in some repositories, in place of the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rule {
    /// Whom it speaks of.
    pub(crate) who: Vec<Who>,
    /// Where it holds.
    pub(crate) repositories: Vec<RepoPattern>,
    /// What it allows.
    pub(crate) may: Vec<Action>,
}

impl Rule {
    /// Whether it gives anything to those who did not log in.
    pub(crate) fn names_strangers(&self) -> bool {
        self.who.contains(&Who::Anonymous)
    }
}

/// Whom a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everyone, logged in or not: what a stranger may, a user may too.
    Anonymous,
    /// Everyone who logged in.
    Authenticated,
    /// One account.
    User(UserName),
}

impl FromStr for Who {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anonymous" => Ok(Self::Anonymous),
            "authenticated" => Ok(Self::Authenticated),
            name => name.parse().map(Self::User),
        }
    }
}

impl Display for Who {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::User(name) => name.fmt(f),
        }
    }
}

impl Serialize for Who {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What can be done to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Remove tags, manifests and blobs.
    Delete,
    /// Read.
    Pull,
    /// Add, and move tags.
    Push,
}

impl Action {
    /// Every action there is.
    pub(crate) const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];
}

impl FromStr for Action {
    type Err = InvalidAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "delete" => Ok(Self::Delete),
            "pull" => Ok(Self::Pull),
            "push" => Ok(Self::Push),
            _ => Err(InvalidAction),
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delete => "delete",
            Self::Pull => "pull",
            Self::Push => "push",
        })
    }
}

/// A word that is no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("neither \"pull\", \"push\" nor \"delete\"")]
pub(crate) struct InvalidAction;

/// The `[auth]` section, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfig {
    anonymous: Option<String>,
    token_lifetime: Option<String>,
    rule: Vec<RawRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    who: Vec<String>,
    repositories: Vec<String>,
    may: Vec<String>,
}

impl TryFrom<RawConfig> for Config {
    type Error = Invalid;

    fn try_from(raw: RawConfig) -> Result<Self, Self::Error> {
        let default = Self::default();
        let rules = raw.rule.iter().enumerate();
        Ok(Self {
            anonymous: match raw.anonymous {
                Some(text) => parse("auth.anonymous", &text)?,
                None => default.anonymous,
            },
            token_lifetime: match raw.token_lifetime {
                Some(text) => parse("auth.token_lifetime", &text)?,
                None => default.token_lifetime,
            },
            rules: rules
                .map(|(place, rule)| rule.check(place))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl RawRule {
    fn check(&self, place: usize) -> Result<Rule, Invalid> {
        let key = |name| format!("auth.rule[{place}].{name}");
        for (name, list) in [("who", &self.who), ("repositories", &self.repositories)] {
            if list.is_empty() {
                return Err(Invalid::new(
                    key(name),
                    "a rule for nobody or nothing is a mistake",
                ));
            }
        }
        Ok(Rule {
            who: parse_all(&key("who"), &self.who)?,
            repositories: parse_all(&key("repositories"), &self.repositories)?,
            may: parse_all(&key("may"), &self.may)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let raw: RawConfig = toml::from_str(text).unwrap();
        assert_eq!(Config::try_from(raw).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_mistake_is_named_by_its_key() {
        refused(
            "anonymous = 'all'",
            "auth.anonymous: neither \"none\", \"pull\" nor \"push\"",
        );
        refused(
            "[[rule]]\nwho = ['ci']\nrepositories = ['a']\nmay = ['pull', 'admin']",
            "auth.rule[0].may[1]: neither \"pull\", \"push\" nor \"delete\"",
        );
        refused(
            "[[rule]]\nwho = []\nrepositories = ['a']\nmay = []",
            "auth.rule[0].who: a rule for nobody or nothing is a mistake",
        );
    }
}
