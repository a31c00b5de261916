//! What a command wants from other registries, as data that crosses the admin socket.
//!
//! Owns the grammar of destinations, and that credentials are never shown. Knows nothing of flags, nor
//! of what lies where.

mod release;

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use roadstead_mirror::job::{Selection, SourceRef, WantedPlatform};
use roadstead_mirror::{Credentials, InvalidCredentials};
use roadstead_storage::oci::{RepoName, Tag};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use self::release::{SamplesOf, WantedRelease, WantedSamples, WantedStreams};
use crate::admin::text;

/// Images that are to be copied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Those of the command line. The last may be a destination that names this registry itself, of
    /// which only the server knows what it is called.
    #[serde(with = "text::list")]
    pub(crate) named: Vec<SourceRef>,
    /// Where those go; where their registries' content lies, if nothing is said.
    pub(crate) to: Option<Destination>,
    /// Those of a list.
    pub(crate) listed: Vec<Listed>,
    /// For which platforms; all, if there are none.
    #[serde(with = "text::list")]
    pub(crate) platforms: Vec<WantedPlatform>,
    /// Whether what a registry does not have is passed over.
    pub(crate) skip_missing: bool,
    /// Whether it is only to be said what would be copied.
    pub(crate) dry_run: bool,
    /// What to log in with.
    pub(crate) auth: Option<AuthFile>,
}

/// Says what is wanted, shortly.
impl Display for Wanted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let listed = self.listed.iter().map(|line| &line.source);
        let mut sources = self.named.iter().chain(listed);
        match (sources.next(), sources.count()) {
            (None, _) => f.write_str("nothing"),
            (Some(only), 0) => write!(f, "{only}"),
            (Some(first), more) => write!(f, "{first} and {more} more"),
        }
    }
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// What is wanted.
    #[serde(with = "text::one")]
    pub(crate) source: SourceRef,
    /// Where it goes; where its registry's content lies, if nothing is said.
    pub(crate) to: Option<Destination>,
}

/// Where images go: `team/app`, `team/app:1`, or either behind the address of this registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Destination {
    /// What stands before the repository, if there is something.
    pub(crate) registry: Option<String>,
    /// The repository.
    pub(crate) repository: RepoName,
    /// The tag, if one is named.
    pub(crate) tag: Option<Tag>,
}

impl FromStr for Destination {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // As with sources: what has a dot or a colon before the first slash is a registry.
        let is_registry = |head: &&str| head.contains(['.', ':']) || *head == "localhost";
        let head = text.split_once('/').map(|(head, _)| head);
        let registry = head.filter(is_registry);
        let rest = registry.map_or(text, |registry| &text[registry.len() + 1..]);
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => {
                let tag = tag.parse().map_err(|_| InvalidDestination)?;
                (repository, Some(tag))
            }
            None => (rest, None),
        };
        Ok(Self {
            registry: registry.map(str::to_owned),
            repository: repository.parse().map_err(|_| InvalidDestination)?,
            tag,
        })
    }
}

impl Display for Destination {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        write!(f, "{}", self.repository)?;
        match &self.tag {
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = InvalidDestination;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

impl Destination {
    /// What a source is that could be a destination as well: one that names a repository, and one tag
    /// or none.
    pub(crate) fn of_source(source: &SourceRef) -> Option<Self> {
        let tag = match (source.selection(), source.tag()) {
            (Selection::Tag(tag), None) => tag.clone(),
            _ => return None,
        };
        Some(Self {
            registry: Some(source.registry().to_owned()),
            repository: source.repository().clone(),
            // A source without a tag stands for this one; a destination does not.
            tag: (tag.as_str() != "latest").then_some(tag),
        })
    }
}

/// A text that is no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a place in this registry, such as team/app or team/app:1")]
pub(crate) struct InvalidDestination;

/// The text of a file of credentials. It goes to the owner of the store only, over a socket of mode
/// 0600.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuthFile {
    text: String,
    /// Whether the command line names it, and it holds whatever the configuration says.
    pub(crate) is_given: bool,
}

impl AuthFile {
    /// A file with this text.
    ///
    /// # Errors
    /// When it is none; says where, and not what stands there.
    pub(crate) fn new(text: String, is_given: bool) -> Result<Self, InvalidCredentials> {
        let file = Self { text, is_given };
        file.credentials().map(|_| file)
    }

    /// What stands in it.
    ///
    /// # Errors
    /// As [`AuthFile::new`].
    pub(crate) fn credentials(&self) -> Result<Credentials, InvalidCredentials> {
        Credentials::parse(&self.text)
    }
}

impl Debug for AuthFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(Option<&str>, &str, Option<&str>)>) {
        let parsed = text.parse::<Destination>().ok();
        let parts = parsed.as_ref().map(|it| {
            let tag = it.tag.as_ref().map(Tag::as_str);
            (it.registry.as_deref(), it.repository.as_str(), tag)
        });
        assert_eq!(parts, expected, "{text}");
        if let Some(parsed) = parsed {
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn a_destination_is_a_repository_here_with_or_without_our_address() {
        check("team/app", Some((None, "team/app", None)));
        check("app:1", Some((None, "app", Some("1"))));
        check(
            "reg.example.com:8443/team/app:1",
            Some((Some("reg.example.com:8443"), "team/app", Some("1"))),
        );
        check("localhost/app", Some((Some("localhost"), "app", None)));
        for wrong in [
            "",
            "Team/app",
            "app@sha256:0",
            "app:",
            "app:>=1",
            "reg.example.com/",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_source_with_our_address_is_read_as_a_destination() {
        let read = |text: &str| {
            let source: SourceRef = text.parse().unwrap();
            Destination::of_source(&source).map(|it| it.to_string())
        };
        assert_eq!(read("reg:1/a/b").as_deref(), Some("reg:1/a/b"));
        assert_eq!(read("reg:1/a/b:2").as_deref(), Some("reg:1/a/b:2"));
        assert_eq!(read("reg:1/a/b:1.*"), None);
    }

    #[test]
    fn credentials_are_not_shown() {
        let text = r#"{"auths": {"quay.io": {"username": "ann", "password": "hunter2"}}}"#;
        let file = AuthFile::new(text.to_owned(), true).unwrap();
        assert!(!format!("{file:?}").contains("hunter2"));
        let broken = text.replace("{\"username", "{\"auth\": \"hunter2\", \"username");
        let error = AuthFile::new(broken, true).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
