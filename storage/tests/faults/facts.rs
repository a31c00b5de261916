//! What a store serves, read through its face, as plain data to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use roadstead_storage::oci::{Digest, Reference, RepoName, Tag};
use roadstead_storage::{Repo, Store};

use crate::common::{files_below, sha256};

/// Tags, manifests with their referrers, and blobs, by the names of their files below `repos`.
pub(crate) type Facts = BTreeMap<String, String>;

/// Everything that the repositories below `root` serve. Bytes are compared with their digests.
pub(crate) async fn facts(store: &Store, root: &Path) -> Facts {
    let mut facts = Facts::new();
    for file in files_below(&root.join("repos")) {
        let (name, kind) = file.split_once("/_").expect("files lie in folders");
        let name: RepoName = name.parse().expect("a valid name");
        let there = store.repo(&name);
        let fact = match *kind.split('/').collect::<Vec<_>>() {
            ["tags", name] => {
                let tag = name.parse::<Tag>().expect("a valid tag");
                manifest(&there, Reference::Tag(tag)).await
            }
            ["manifests", algorithm, hex] => {
                let digest = digest(algorithm, hex);
                for (referrer, fact) in referrers(&there, digest).await {
                    facts.insert(format!("{file} <- {referrer}"), fact);
                }
                manifest(&there, Reference::Digest(digest)).await
            }
            ["blobs", algorithm, hex] => blob(&there, digest(algorithm, hex)).await,
            _ => continue,
        };
        if let Some(fact) = fact {
            facts.insert(file, fact);
        }
    }
    facts
}

/// What differs from both: neither as it was before nor as it is to be after.
pub(crate) fn in_between(found: &Facts, before: &Facts, after: &Facts) -> Vec<String> {
    let keys: BTreeSet<_> = [found, before, after].into_iter().flatten().collect();
    let names: BTreeSet<_> = keys.into_iter().map(|(name, _)| name).collect();
    let is_neither = |name: &&&String| {
        let found = found.get(**name);
        found != before.get(**name) && found != after.get(**name)
    };
    let told = |name: &String| format!("{name}: {:?}", found.get(name));
    names
        .iter()
        .filter(is_neither)
        .map(|name| told(name))
        .collect()
}

async fn manifest(there: &Repo, reference: Reference) -> Option<String> {
    match there.manifest(&reference).await {
        Ok(Some(stored)) => {
            assert_eq!(sha256(&stored.bytes), stored.digest);
            Some(stored.digest.to_string())
        }
        Ok(None) => None,
        Err(error) => Some(error.to_string()),
    }
}

async fn referrers(there: &Repo, subject: Digest) -> Vec<(String, String)> {
    match there.referrers(subject).await {
        Ok(found) => {
            let found = found.into_iter();
            found
                .map(|it| (it.digest.to_string(), "refers".to_owned()))
                .collect()
        }
        Err(error) => vec![("all".to_owned(), error.to_string())],
    }
}

async fn blob(there: &Repo, digest: Digest) -> Option<String> {
    let blob = there.blob(digest).await.expect("blobs are readable")?;
    let bytes = blob.read(0, usize::MAX).await.expect("blobs are readable");
    Some(if sha256(&bytes) == digest {
        format!("{} bytes", bytes.len())
    } else {
        "other bytes".to_owned()
    })
}

fn digest(algorithm: &str, hex: &str) -> Digest {
    let algorithm = algorithm.parse().expect("an algorithm");
    Digest::from_hex(algorithm, hex).expect("a digest")
}
