//! What holds in a store: which blobs, manifests and tags are there, and what they name. Asks the store as
//! its users do, and insists on the way that all of it is readable and right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use roadstead_storage::oci::{Digest, Reference};
use roadstead_storage::{Config, ScrubOptions, Store};

use crate::common::{repo, sha256, tag};

const REPOSITORIES: [&str; 3] = ["a", "a/b", "c"];
const TAGS: [&str; 3] = ["v1", "v2", "latest"];

/// What can be asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    Blob(&'static str, Digest),
    Manifest(&'static str, Digest),
    Tag(&'static str, &'static str),
}

/// What holds: blobs and manifests that are there name themselves, tags what they name.
pub(crate) type Facts = BTreeMap<Fact, Digest>;

/// What the store in `dir` says. Panics when anything in it is unreadable or wrong.
pub(crate) async fn read(dir: &Path, universe: &BTreeSet<Fact>) -> Facts {
    let store = Store::create_or_open(Config::new(dir))
        .await
        .expect("the store opens");
    let mut facts = Facts::new();
    for fact in universe {
        let holds = match fact {
            Fact::Blob(name, digest) => {
                match store
                    .repo(&repo(name))
                    .blob(*digest)
                    .await
                    .expect("blobs are readable")
                {
                    Some(blob) => {
                        let bytes = blob.read(0, usize::MAX).await.expect("blobs are readable");
                        assert_eq!(sha256(&bytes), *digest, "a blob has wrong bytes");
                        Some(*digest)
                    }
                    None => None,
                }
            }
            Fact::Manifest(name, digest) => {
                manifest(&store, name, &Reference::Digest(*digest)).await
            }
            Fact::Tag(name, tagged) => manifest(&store, name, &Reference::Tag(tag(tagged))).await,
        };
        facts.extend(holds.map(|digest| (*fact, digest)));
    }
    for name in REPOSITORIES {
        let there = store.repo(&repo(name));
        let listed = there
            .tags()
            .await
            .expect("tags are listed")
            .unwrap_or_default();
        for name in &listed {
            assert!(TAGS.contains(&name.as_str()), "{name} was never set");
        }
        let summary = there
            .describe()
            .await
            .expect("everything in a repository is readable");
        drop(summary);
        for fact in universe {
            if let Fact::Manifest(_, digest) = fact {
                there
                    .referrers(*digest)
                    .await
                    .expect("referrers are listed");
            }
        }
    }
    store.rebuild_index().await.expect("the index is rebuilt");
    store
        .repositories(None, 100)
        .await
        .expect("repositories are listed");
    let scrubbed = store
        .scrub(ScrubOptions::default(), Arc::default(), |_| {})
        .await
        .expect("every file is read again");
    assert_eq!(scrubbed.defects, [], "a crash is no damage");
    facts
}

/// What a tag or digest leads to; the store checks the bytes against the digest.
async fn manifest(store: &Store, name: &str, reference: &Reference) -> Option<Digest> {
    let stored = store
        .repo(&repo(name))
        .manifest(reference)
        .await
        .expect("manifests are readable")?;
    assert_eq!(
        sha256(&stored.bytes),
        stored.digest,
        "a manifest has wrong bytes"
    );
    Some(stored.digest)
}
