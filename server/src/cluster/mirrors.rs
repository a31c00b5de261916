//! Which repository of the world is found where in this registry.
//!
//! The one place that decides it, for clusters and nodes alike. A repository that releases name is
//! where the releases are: what lies here under its own name is the same content, and a second mirror
//! would only double what nodes ask for. Invariant: sources are sorted, and so are the mirrors of each.

use std::collections::btree_map;
use std::collections::{BTreeMap, BTreeSet};

use roadstead_storage::oci::RepoName;
use serde_json::{Value, json};

use super::facts::{Facts, Release};
use crate::config::address::Address;

/// How much of what is held is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of it.
    Everything,
    /// The releases that were named, and nothing else.
    Named,
}

/// Sources, each with its places in this registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mirrors(BTreeMap<String, BTreeSet<String>>);

impl Mirrors {
    /// Where images are found that are named by digest.
    pub(crate) fn by_digest(facts: &Facts, address: &Address, scope: Scope) -> Self {
        let mut mirrors = Self::default();
        for (source, here) in releases(facts, scope).flat_map(|release| &release.mirrors) {
            mirrors.add(source, address, here);
        }
        if scope == Scope::Everything {
            let others = facts.repositories.iter();
            mirrors.add_others(others.map(|it| (&it.source, &it.here)), address);
        }
        mirrors
    }

    /// Where images are found that are named by tag.
    pub(crate) fn by_tag(facts: &Facts, address: &Address, scope: Scope) -> Self {
        let mut mirrors = Self::default();
        for release in releases(facts, scope) {
            // A tag of a release image is the same here and there; components have none there.
            if let Some(here) = release.mirrors.get(&release.from) {
                mirrors.add(&release.from, address, here);
            }
        }
        if scope == Scope::Everything {
            let tagged = facts.repositories.iter().filter(|it| it.has_tags);
            let samples = facts.samples.iter().flat_map(|it| &it.mirrors);
            let others = tagged.map(|it| (&it.source, &it.here)).chain(samples);
            mirrors.add_others(others, address);
        }
        mirrors
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each source with its places.
    pub(super) fn iter(&self) -> btree_map::Iter<'_, String, BTreeSet<String>> {
        self.0.iter()
    }

    /// The places of one source; none where it has none.
    pub(super) fn of(&self, source: &str) -> impl Iterator<Item = &str> {
        self.0.get(source).into_iter().flatten().map(String::as_str)
    }

    /// As the items of the lists that clusters are told.
    pub(super) fn items(&self) -> Vec<Value> {
        let item = |(source, mirrors)| json!({ "mirrors": mirrors, "source": source });
        self.0.iter().map(item).collect()
    }

    fn add(&mut self, source: &str, address: &Address, here: &RepoName) {
        let places = self.0.entry(source.to_owned()).or_default();
        places.insert(format!("{address}/{here}"));
    }

    /// Adds these where their source has no place yet.
    fn add_others<'a>(
        &mut self,
        others: impl Iterator<Item = (&'a String, &'a RepoName)>,
        address: &Address,
    ) {
        let mut found = Self::default();
        for (source, here) in others {
            found.add(source, address, here);
        }
        for (source, places) in found.0 {
            self.0.entry(source).or_insert(places);
        }
    }
}

fn releases(facts: &Facts, scope: Scope) -> impl Iterator<Item = &Release> {
    let is_told = move |release: &&Release| scope == Scope::Everything || release.is_asked;
    facts.releases.iter().filter(is_told)
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{COMPONENTS, RELEASES, address, facts, release, repository};
    use super::*;

    const OCP: (&str, &str) = ("openshift/release-images", "openshift/release");

    #[track_caller]
    fn check(found: &Mirrors, expected: &[(&str, &[&str])]) {
        let found: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|(source, places)| {
                let paths = places.iter().map(|it| it.split_once('/').unwrap().1);
                (source.as_str(), paths.collect())
            })
            .collect();
        let expected: Vec<(&str, Vec<&str>)> = expected
            .iter()
            .map(|(source, places)| (*source, places.to_vec()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_release_names_is_where_the_release_is_and_nowhere_else() {
        let under_its_name = [
            repository(COMPONENTS, COMPONENTS, false),
            repository(RELEASES, RELEASES, true),
            repository("registry.redhat.io/ubi9", "rh/ubi9", true),
            repository("quay.io/team/app", "quay.io/team/app", false),
        ];
        let facts = facts(
            vec![release("4.18.7", OCP.0, OCP.1)],
            under_its_name.to_vec(),
        );
        check(
            &Mirrors::by_digest(&facts, &address(), Scope::Everything),
            &[
                (RELEASES, &["openshift/release-images"]),
                (COMPONENTS, &["openshift/release"]),
                ("quay.io/team/app", &["quay.io/team/app"]),
                ("registry.redhat.io/ubi9", &["rh/ubi9"]),
            ],
        );
        check(
            &Mirrors::by_tag(&facts, &address(), Scope::Everything),
            &[
                (RELEASES, &["openshift/release-images"]),
                ("registry.redhat.io/ubi9", &["rh/ubi9"]),
            ],
        );
    }

    #[test]
    fn another_release_beside_the_first_adds_nothing_and_another_layout_adds_a_place() {
        let one = release("4.18.7", OCP.0, OCP.1);
        let alone = facts(vec![one.clone()], Vec::new());
        let mirrors = |facts: &Facts| Mirrors::by_digest(facts, &address(), Scope::Everything);
        let two = vec![one.clone(), release("4.18.8", OCP.0, OCP.1)];
        assert_eq!(mirrors(&facts(two, Vec::new())), mirrors(&alone));
        let other = release("4.17.1", "ocp4/openshift4", "ocp4/openshift4");
        check(
            &mirrors(&facts(vec![one, other], Vec::new())),
            &[
                (RELEASES, &["ocp4/openshift4", "openshift/release-images"]),
                (COMPONENTS, &["ocp4/openshift4", "openshift/release"]),
            ],
        );
    }

    #[test]
    fn named_releases_stand_alone() {
        let mut other = release("4.17.1", "other", "other");
        other.is_asked = false;
        let repositories = vec![repository("quay.io/a", "quay.io/a", true)];
        let facts = facts(vec![other, release("4.18.7", OCP.0, OCP.1)], repositories);
        let expected: &[(&str, &[&str])] = &[
            (RELEASES, &["openshift/release-images"]),
            (COMPONENTS, &["openshift/release"]),
        ];
        let found = Mirrors::by_digest(&facts, &address(), Scope::Named);
        check(&found, expected);
        let found = Mirrors::by_tag(&facts, &address(), Scope::Named);
        check(&found, &expected[..1]);
    }
}
