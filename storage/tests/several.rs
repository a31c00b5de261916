//! The contract of removing what lies in several repositories.

mod common;

use std::collections::BTreeMap;

use common::{Fixture, image, push_blob, put, repo, sha256, tag};
use roadstead_storage::Going;
use roadstead_storage::oci::Reference;

#[tokio::test]
async fn what_goes_together_frees_what_it_shares_and_nothing_that_stays_needs() {
    let it = Fixture::new().await;
    let (shared, between, own) = ([1_u8; 4000], [2_u8; 300], [3_u8; 20]);
    let names = ["a", "b", "c"].map(repo);
    for name in &names {
        for blob in [&shared[..], &between, &own] {
            push_blob(&it.store, name, blob).await;
        }
    }
    let first = image(&between, &[&shared], "");
    let second = image(&between, &[&own], "");
    let third = image(&own, &[&shared], "");
    let digests = [&first, &second, &third].map(|manifest| sha256(manifest.bytes()));
    put(&it.store, &names[0], &first, &["v", "other"]).await;
    put(&it.store, &names[1], &first, &[]).await;
    put(&it.store, &names[1], &second, &["w"]).await;
    put(&it.store, &names[2], &third, &["v"]).await;
    let all = |digests: &[_], tags: &[&str]| Going {
        tags: tags.iter().map(|name| tag(name)).collect(),
        manifests: digests.iter().copied().collect(),
    };
    let mut going = BTreeMap::from([(names[0].clone(), all(&digests[..1], &[]))]);
    let freed = it.store.remove_several(going.clone(), true).await.unwrap();
    assert_eq!(freed, 0, "another repository has it too");

    going.insert(names[1].clone(), all(&digests[..2], &[]));
    // A tag alone, and what is in no repository.
    going.insert(names[2].clone(), all(&digests[..1], &["v"]));
    going.insert(repo("nowhere"), all(&digests, &["v"]));
    let expected = 300 + (first.bytes().len() + second.bytes().len()) as u64;
    for dry_run in [true, false] {
        assert_eq!(it.store.all_repositories().await.unwrap(), names);
        let freed = it.store.remove_several(going.clone(), dry_run).await;
        assert_eq!(freed.unwrap(), expected);
    }

    for (name, digest, is_there) in [
        (&names[0], digests[0], false),
        (&names[1], digests[0], false),
        (&names[1], digests[1], false),
        (&names[2], digests[2], true),
    ] {
        let found = it
            .store
            .repo(name)
            .manifest(&Reference::Digest(digest))
            .await;
        assert_eq!(found.unwrap().is_some(), is_there, "{name}");
        let tags = it.store.repo(name).tags().await.unwrap();
        assert!(tags.is_none_or(|tags| tags.is_empty()), "{name}");
    }
    assert_eq!(it.store.remove_several(going, false).await.unwrap(), 0);
}

#[tokio::test]
async fn a_damaged_manifest_can_go_with_the_others() {
    let it = Fixture::new().await;
    let (good, bad) = (image(b"1", &[], ""), image(b"2", &[], ""));
    let digests = [&good, &bad].map(|manifest| sha256(manifest.bytes()));
    put(&it.store, &repo("a"), &good, &["v"]).await;
    put(&it.store, &repo("a"), &bad, &["w"]).await;
    let hex = digests[1].hex();
    let path = it.root().join("blobs/sha256").join(&hex[..2]).join(&hex);
    std::fs::write(path, "{}").unwrap();
    let going = Going {
        manifests: digests.into(),
        ..Going::default()
    };

    let going = BTreeMap::from([(repo("a"), going)]);
    it.store.remove_several(going, false).await.unwrap();

    assert_eq!(
        it.store.repo(&repo("a")).tags().await.unwrap(),
        Some(vec![])
    );
    assert_eq!(it.store.stat().await.unwrap().manifests, 0);
}
