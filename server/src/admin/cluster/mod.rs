//! Gathers what documents for clusters and nodes say: what is held, and what it is called elsewhere.
//!
//! Reads the store and changes nothing. Owns which repository is which registry's; what is made of it is
//! `cluster`'s. Invariant: what a client pushed, or merely pulled through, is no mirror.

mod error;
mod release;
mod samples;

use std::collections::BTreeSet;

use roadstead_mirror::default_prefix;
use roadstead_storage::oci::RepoName;
use roadstead_storage::{Origin, Store};

pub(super) use self::error::Error;
use crate::admin::command::WantedFacts;
use crate::admin::report::Trust;
use crate::cluster::facts::{Facts, Release, Repository};
use crate::config::Upstream;

/// Gathers it.
///
/// # Errors
/// When the store cannot be read, or does not hold a release that is named.
///
/// # Cancel safety
/// Reads only.
pub(super) async fn facts(
    store: &Store,
    upstreams: &[Upstream],
    trusted: Trust,
    wanted: &WantedFacts,
) -> Result<Facts, Error> {
    let held = release::find(store, &wanted.releases).await?;
    let releases: Vec<Release> = held.iter().map(|held| held.facts.clone()).collect();
    let own: BTreeSet<&RepoName> = releases.iter().flat_map(|it| it.mirrors.values()).collect();
    let mut repositories = Vec::new();
    for here in store.all_repositories().await? {
        if own.contains(&here) {
            continue;
        }
        let Some(source) = source(&here, upstreams) else {
            continue;
        };
        let mirrored = store.repo(&here).holding(Origin::Mirrored).await?;
        if mirrored.manifests {
            repositories.push(Repository {
                source,
                here,
                has_tags: mirrored.tags,
            });
        }
    }
    repositories.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(Facts {
        address: trusted.address,
        pem: trusted.pem,
        releases,
        repositories,
        samples: if wanted.with_samples {
            samples::find(store, &held, wanted).await?
        } else {
            None
        },
    })
}

/// What image references call a repository that lies here: by the longest prefix of an upstream, else by
/// its first part, where that is a host.
fn source(repository: &RepoName, upstreams: &[Upstream]) -> Option<String> {
    let name = repository.as_str();
    let configured = upstreams.iter().filter_map(|upstream| {
        let path = match upstream.prefix.as_str() {
            "" => name,
            prefix => name.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        Some((upstream.prefix.len(), &upstream.name, path))
    });
    if let Some((_, registry, path)) = configured.max_by_key(|(length, ..)| *length) {
        return Some(format!("{registry}/{path}"));
    }
    let (prefix, path) = name.split_once('/')?;
    Some(format!("{}/{path}", host(prefix)?))
}

/// The host that content lies under a prefix of when nothing is configured; the inverse of
/// [`default_prefix`].
fn host(prefix: &str) -> Option<String> {
    if !prefix.contains('.') {
        return None;
    }
    let is_port = |text: &&str| text.parse::<u16>().is_ok();
    let (name, port) = match prefix.rsplit_once('-') {
        Some((name, port)) if is_port(&port) => (name, Some(port)),
        _ => (prefix, None),
    };
    let host = match port {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    (default_prefix(&host) == prefix).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[track_caller]
    fn check(text: &str, repository: &str, expected: Option<&str>) {
        let upstreams = read(text).unwrap().upstreams;
        let found = source(&repository.parse().unwrap(), &upstreams);
        assert_eq!(found.as_deref(), expected, "{repository}");
    }

    #[test]
    fn what_nothing_is_configured_of_is_known_by_its_host() {
        check("", "quay.io/team/app", Some("quay.io/team/app"));
        check("", "reg.example-5000/app", Some("reg.example:5000/app"));
        check("", "my-reg.example/app", Some("my-reg.example/app"));
        check("", "openshift/release", None);
        check("", "quay.io", None);
    }

    #[test]
    fn the_longest_prefix_says_whose_a_repository_is() {
        let text = "
            [[upstream]]
            name = 'registry.redhat.io'
            prefix = 'rh'
            [[upstream]]
            name = 'quay.io'
            [[upstream]]
            name = 'quay.io:8443'
            prefix = 'quay.io/other'";
        check(text, "rh/ubi9/ubi", Some("registry.redhat.io/ubi9/ubi"));
        check(text, "quay.io/a", Some("quay.io/a"));
        check(text, "quay.io/other/a", Some("quay.io:8443/a"));
        check(text, "rhel/a", None);
        let all = "[[upstream]]\nname = 'old.example'\nprefix = ''";
        check(all, "team/app", Some("old.example/team/app"));
    }
}
