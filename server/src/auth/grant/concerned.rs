//! Which rules name a repository.
//!
//! Patterns are matched once for a repository and then remembered, for the same few are asked for all the
//! time. Names are a stranger's choice: what is remembered is bounded, and begins anew when it is full.
//! Rules do not change in here; other rules are another policy.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use roadstead_storage::oci::RepoName;

use crate::auth::config::Rule;

/// How many repositories are remembered.
const REPOSITORIES: usize = 1024;

/// The rules of a policy, by the repositories that they name.
#[derive(Debug)]
pub(super) struct Concerned {
    rules: Vec<Rule>,
    known: RwLock<HashMap<RepoName, Box<[usize]>>>,
}

impl Concerned {
    /// By these rules.
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        Self {
            rules,
            known: RwLock::default(),
        }
    }

    /// Whether any rule that names this repository gives something, by `gives`; `None` where none names it.
    pub(super) fn any(&self, repo: &RepoName, gives: impl Fn(&Rule) -> bool) -> Option<bool> {
        if self.rules.is_empty() {
            return None;
        }
        let any = |places: &[usize]| {
            let mut rules = places.iter().map(|&place| &self.rules[place]);
            (!places.is_empty()).then(|| rules.any(gives))
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = known.get(repo) {
            return any(places);
        }
        drop(known);
        let places = self.places(repo);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REPOSITORIES {
            known.clear();
        }
        any(known.entry(repo.clone()).or_insert(places))
    }

    fn places(&self, repo: &RepoName) -> Box<[usize]> {
        let rules = self.rules.iter().enumerate();
        let named = rules.filter(|(_, rule)| rule.repositories.iter().any(|it| it.matches(repo)));
        named.map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::config::{Action, Who};

    fn rule(pattern: &str, may: Action) -> Rule {
        Rule {
            who: vec![Who::Authenticated],
            repositories: vec![pattern.parse().unwrap()],
            may: vec![may],
        }
    }

    fn pulls(concerned: &Concerned, repo: &str) -> Option<bool> {
        let repo = repo.parse().unwrap();
        concerned.any(&repo, |rule| rule.may.contains(&Action::Pull))
    }

    #[test]
    fn what_is_remembered_is_what_was_found() {
        let rules = vec![rule("a/**", Action::Push), rule("a/b/*", Action::Pull)];
        let concerned = Concerned::new(rules);
        for _ in 0..2 {
            assert_eq!(pulls(&concerned, "b"), None);
            assert_eq!(pulls(&concerned, "a/c"), Some(false));
            assert_eq!(pulls(&concerned, "a/b/c"), Some(true));
        }
    }

    #[test]
    fn strangers_cannot_fill_the_memory_with_names() {
        let concerned = Concerned::new(vec![rule("a/**", Action::Pull)]);
        for n in 0..3 * REPOSITORIES {
            assert_eq!(pulls(&concerned, &format!("a/{n}")), Some(true));
            assert!(concerned.known.read().unwrap().len() <= REPOSITORIES);
        }
    }
}
