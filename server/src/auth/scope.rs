//! Scopes: what a client asks a token for, and what a token is good for.
//!
//! Owns the grammar of the token protocol's `scope` parameter. It decides nothing; `auth/grant.rs`
//! does. What it does not understand it drops, as the protocol asks: less than was asked for is never
//! an error. Invariant: every repository in a [`Reach`] has a valid name and at least one action.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use roadstead_storage::oci::RepoName;
use serde::{Deserialize, Serialize};

use crate::auth::config::Action;

/// Repositories with the actions asked for or granted on each, and whether the catalog is among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) catalog: bool,
    pub(crate) repositories: BTreeMap<RepoName, BTreeSet<Action>>,
}

impl Reach {
    /// Whether `action` on `repo` is within it.
    pub(crate) fn covers(&self, action: Action, repo: &RepoName) -> bool {
        self.repositories
            .get(repo)
            .is_some_and(|actions| actions.contains(&action))
    }

    /// Reads the values of `scope` parameters. Each may hold several scopes with spaces between;
    /// those of one repository are merged.
    pub(crate) fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut reach = Self::default();
        for scope in values.into_iter().flat_map(str::split_ascii_whitespace) {
            reach.add(scope);
        }
        reach
    }

    /// Adds `type[(class)]:name:actions`. A name may hold a colon of its own (`host:port/name`), so
    /// the type ends at the first colon and the actions begin at the last.
    fn add(&mut self, scope: &str) {
        let Some((kind, rest)) = scope.split_once(':') else {
            return;
        };
        let Some((name, actions)) = rest.rsplit_once(':') else {
            return;
        };
        let kind = kind.split('(').next().unwrap_or_default();
        match (kind, name) {
            ("registry", "catalog") => self.catalog |= actions.split(',').any(|word| word == "*"),
            ("repository", name) => {
                let Ok(repo) = name.parse() else { return };
                let actions: BTreeSet<Action> = actions.split(',').flat_map(actions_of).collect();
                if !actions.is_empty() {
                    self.repositories.entry(repo).or_default().extend(actions);
                }
            }
            _ => {}
        }
    }
}

/// What one word of a scope asks for: `*` is everything, an unknown word nothing.
fn actions_of(word: &str) -> Vec<Action> {
    match word {
        "*" => Action::ALL.to_vec(),
        word => word.parse().into_iter().collect(),
    }
}

/// In the grammar of the `scope` parameter.
impl Display for Reach {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for (repo, actions) in &self.repositories {
            let actions: Vec<String> = actions.iter().map(Action::to_string).collect();
            write!(f, "{space}repository:{repo}:{}", actions.join(","))?;
            space = " ";
        }
        if self.catalog {
            write!(f, "{space}registry:catalog:*")?;
        }
        Ok(())
    }
}

/// One entry of a token's `access` claim, in the shape the token protocol gives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Vec<String>,
}

impl From<&Reach> for Vec<Access> {
    fn from(reach: &Reach) -> Self {
        let repositories = reach.repositories.iter().map(|(repo, actions)| Access {
            kind: "repository".to_owned(),
            name: repo.to_string(),
            actions: actions.iter().map(Action::to_string).collect(),
        });
        let catalog = reach.catalog.then(|| Access {
            kind: "registry".to_owned(),
            name: "catalog".to_owned(),
            actions: vec!["*".to_owned()],
        });
        repositories.chain(catalog).collect()
    }
}

impl From<&[Access]> for Reach {
    fn from(list: &[Access]) -> Self {
        let scope = |access: &Access| {
            format!(
                "{}:{}:{}",
                access.kind,
                access.name,
                access.actions.join(",")
            )
        };
        let scopes: Vec<String> = list.iter().map(scope).collect();
        Self::parse(scopes.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: &str) {
        let reach = Reach::parse(values.iter().copied());
        assert_eq!(reach.to_string(), expected);
        let list: Vec<Access> = (&reach).into();
        assert_eq!(
            Reach::from(list.as_slice()),
            reach,
            "the claim says the same"
        );
    }

    // Docker token scopes: grammar and merging.
    #[test]
    fn scopes_are_merged_by_repository() {
        check(&[], "");
        check(&["repository:a/b:pull"], "repository:a/b:pull");
        check(&["repository:a:push,pull"], "repository:a:pull,push");
        check(
            &["repository:a:pull", "repository:b:push"],
            "repository:a:pull repository:b:push",
        );
        check(
            &["repository:a:pull repository:a:pull,push"],
            "repository:a:pull,push",
        );
        check(&["repository:a:*"], "repository:a:delete,pull,push");
        check(&["repository(plugin):a:pull"], "repository:a:pull");
        check(&["registry:catalog:*"], "registry:catalog:*");
        check(
            &["registry:catalog:* repository:a:pull"],
            "repository:a:pull registry:catalog:*",
        );
    }

    #[test]
    fn what_is_not_understood_is_dropped_without_an_error() {
        for value in [
            "",
            "repository",
            "repository:a",
            "repository:a:",
            "repository:a:fly",
            "unknown:a:pull",
            "repository:A:pull",
            "repository:host:5000/a:pull",
            "repository::pull",
            "::",
            ":::",
            "registry:catalog:pull",
            "registry:other:*",
            "repository:../a:pull",
        ] {
            check(&[value], "");
        }
        check(&["repository:a:fly,pull nonsense"], "repository:a:pull");
    }
}
