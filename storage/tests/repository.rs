//! The contract of repositories: what is visible where, and what a delete takes along.

mod common;

use common::{Fixture, image, push_blob, put, repo, sha256, tag, try_put};
use roadstead_storage::oci::{Algorithm, Reference};
use roadstead_storage::{Error, ImmutableTags, Target};

#[tokio::test]
async fn a_manifest_is_found_by_digest_without_any_tag() {
    let it = Fixture::new().await;
    let name = repo("openshift/release");
    let config = b"{}";
    push_blob(&it.store, &name, config).await;
    let manifest = image(config, &[], "");
    let outcome = put(&it.store, &name, &manifest, &[]).await;
    assert!(outcome.missing.is_empty());

    let by_digest = Reference::Digest(manifest.digest(Algorithm::Sha256));
    let stored = it
        .store
        .repo(&name)
        .manifest(&by_digest)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(stored.bytes, manifest.bytes());
    assert_eq!(stored.media_type, *manifest.media_type());
    assert_eq!(
        it.store.repo(&name).tags().await.expect("lists"),
        Some(vec![])
    );
}

#[tokio::test]
async fn content_of_one_repository_is_invisible_in_another() {
    let it = Fixture::new().await;
    let blob = push_blob(&it.store, &repo("secret"), b"x").await;
    let manifest = image(b"x", &[], "");
    put(&it.store, &repo("secret"), &manifest, &["v1"]).await;
    let other = it.store.repo(&repo("public"));
    let digest = Reference::Digest(manifest.digest(Algorithm::Sha256));

    assert!(other.blob(blob).await.expect("reads").is_none());
    assert!(other.blob_size(blob).await.expect("reads").is_none());
    assert!(other.manifest(&digest).await.expect("reads").is_none());
    // Nor does naming it in a manifest make it visible.
    let outcome = put(&it.store, &repo("public"), &manifest, &["v1"]).await;
    assert_eq!(outcome.missing, [blob]);
    assert!(other.blob(blob).await.expect("reads").is_none());
    // Nor is a manifest a blob.
    let as_blob = manifest.digest(Algorithm::Sha256);
    assert!(
        it.store
            .repo(&repo("secret"))
            .blob(as_blob)
            .await
            .expect("reads")
            .is_none()
    );
}

#[tokio::test]
async fn a_mount_needs_a_source_that_holds_the_blob() {
    let it = Fixture::new().await;
    let (from, to) = (repo("from"), repo("to"));
    let blob = push_blob(&it.store, &from, b"x").await;
    let target = it.store.repo(&to);
    assert!(!target.mount(blob, &repo("absent")).await.expect("looks"));
    assert!(!target.mount(sha256(b"y"), &from).await.expect("looks"));
    assert!(!target.exists().await.expect("looks"));
    assert!(target.mount(blob, &from).await.expect("mounts"));
    assert_eq!(target.blob_size(blob).await.expect("reads"), Some(1));
    it.store.rebuild_index().await.expect("rebuilds");
    assert_eq!(it.store.repositories_holding(blob, 10).await, [from, to]);
}

#[tokio::test]
async fn a_tag_moves_and_says_what_it_named() {
    let it = Fixture::new().await;
    let name = repo("a");
    let (first, second) = (image(b"1", &[], ""), image(b"2", &[], ""));
    put(&it.store, &name, &first, &["v", "w"]).await;
    let outcome = put(&it.store, &name, &second, &["v"]).await;
    let digest = first.digest(Algorithm::Sha256);
    assert_eq!(outcome.tags, [(tag("v"), Some(digest))]);
    let named = it
        .store
        .repo(&name)
        .manifest_record(&Reference::Tag(tag("v")))
        .await;
    let named = named.expect("reads").expect("is there").digest;
    assert_eq!(named, second.digest(Algorithm::Sha256));
}

#[tokio::test]
async fn a_delete_by_digest_takes_the_tags_and_a_delete_by_tag_only_the_tag() {
    let it = Fixture::new().await;
    let name = repo("a");
    let manifest = image(b"1", &[], "");
    let digest = manifest.digest(Algorithm::Sha256);
    put(&it.store, &name, &manifest, &["v", "w", "x"]).await;
    let there = it.store.repo(&name);
    assert!(there.delete_tag(&tag("x")).await.expect("deletes"));
    assert!(!there.delete_tag(&tag("x")).await.expect("deletes"));
    assert!(
        there
            .manifest(&Reference::Digest(digest))
            .await
            .expect("reads")
            .is_some()
    );
    let mut gone = there
        .delete_manifest(digest)
        .await
        .expect("deletes")
        .expect("was there");
    gone.sort();
    assert_eq!(gone, [tag("v"), tag("w")]);
    assert_eq!(there.delete_manifest(digest).await.expect("looks"), None);
    assert_eq!(there.tags().await.expect("lists"), Some(vec![]));
}

#[tokio::test]
async fn referrers_are_listed_with_their_subject_missing_and_gone_when_deleted() {
    let it = Fixture::new().await;
    let name = repo("a");
    let subject = sha256(b"not pushed yet");
    let field = format!(
        r#","artifactType":"application/x-sbom","annotations":{{"k":"v"}},
           "subject":{{"mediaType":"application/x","digest":"{subject}","size":1}}"#
    );
    let referrer = image(b"1", &[], &field);
    put(&it.store, &name, &referrer, &[]).await;
    let there = it.store.repo(&name);
    let listed = there.referrers(subject).await.expect("lists");
    assert_eq!(listed.len(), 1);
    assert_eq!(
        listed[0].artifact_type.as_deref(),
        Some("application/x-sbom")
    );
    assert_eq!(
        listed[0].annotations.as_ref().map(|all| all["k"].as_str()),
        Some("v")
    );
    there
        .delete_manifest(referrer.digest(Algorithm::Sha256))
        .await
        .expect("deletes");
    assert!(there.referrers(subject).await.expect("lists").is_empty());
}

#[tokio::test]
async fn an_immutable_tag_is_set_once() {
    let it = Fixture::with(|config| {
        config.immutable_tags = ImmutableTags::parse(["a:v*"]).expect("valid");
    })
    .await;
    let name = repo("a");
    let (first, second) = (image(b"1", &[], ""), image(b"2", &[], ""));
    put(&it.store, &name, &first, &["v1", "latest"]).await;
    put(&it.store, &name, &first, &["v1"]).await;
    let refused = try_put(&it.store, &name, &second, &["latest", "v1"]).await;
    assert!(
        matches!(refused, Err(Error::TagImmutable { .. })),
        "{refused:?}"
    );
    let there = it.store.repo(&name);
    let latest = there
        .manifest_record(&Reference::Tag(tag("latest")))
        .await
        .expect("reads");
    assert_eq!(
        latest.expect("is there").digest,
        first.digest(Algorithm::Sha256)
    );
    for refused in [
        there.delete_tag(&tag("v1")).await.map(drop),
        there
            .delete_manifest(first.digest(Algorithm::Sha256))
            .await
            .map(drop),
    ] {
        assert!(
            matches!(refused, Err(Error::TagImmutable { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_deleted_where_deleting_is_disabled() {
    let it = Fixture::with(|config| config.delete = false).await;
    let name = repo("a");
    let blob = push_blob(&it.store, &name, b"1").await;
    let manifest = image(b"1", &[], "");
    put(&it.store, &name, &manifest, &["v"]).await;
    let there = it.store.repo(&name);
    for refused in [
        there.delete_tag(&tag("v")).await.map(drop),
        there
            .delete_manifest(manifest.digest(Algorithm::Sha256))
            .await
            .map(drop),
        there.unlink_blob(blob).await.map(drop),
    ] {
        assert!(matches!(refused, Err(Error::DeleteDisabled)), "{refused:?}");
    }
}

#[tokio::test]
async fn removal_says_what_it_frees_and_shared_content_is_not_freed() {
    let it = Fixture::new().await;
    let (shared, own) = ([1_u8; 1000], [2_u8; 500]);
    let (a, b) = (repo("a"), repo("a/b"));
    for name in [&a, &b] {
        push_blob(&it.store, name, &shared).await;
    }
    push_blob(&it.store, &a, &own).await;
    let big = image(&shared, &[&own], "");
    put(&it.store, &a, &big, &["v"]).await;
    put(&it.store, &b, &image(&shared, &[], ""), &["v"]).await;

    let there = it.store.repo(&a);
    let plan = there
        .remove(Target::All, true)
        .await
        .expect("plans")
        .expect("is there");
    assert_eq!(plan.freed_bytes, 500 + big.bytes().len() as u64);
    assert!(there.exists().await.expect("looks"));
    let done = there
        .remove(Target::All, false)
        .await
        .expect("removes")
        .expect("was there");
    assert_eq!(done, plan);
    assert!(!there.exists().await.expect("looks"));
    assert_eq!(there.remove(Target::All, false).await.expect("looks"), None);
    let nested = it
        .store
        .repo(&b)
        .describe()
        .await
        .expect("reads")
        .expect("stays");
    assert_eq!(nested.tags.len(), 1);
    assert!(nested.missing.is_empty());
    // And it can be pushed again where it was.
    put(&it.store, &a, &big, &["v"]).await;
}

#[tokio::test]
async fn removing_the_last_tag_says_that_the_manifest_stays() {
    let it = Fixture::new().await;
    let manifest = image(b"1", &[], "");
    put(&it.store, &repo("a"), &manifest, &["v", "w"]).await;
    let there = it.store.repo(&repo("a"));
    let digest = manifest.digest(Algorithm::Sha256);
    for (name, left) in [("v", vec![]), ("w", vec![digest])] {
        let removal = there.remove(Target::Tag(tag(name)), false).await;
        let removal = removal.expect("removes").expect("was there");
        assert_eq!(removal.tags, [tag(name)]);
        assert_eq!(removal.untagged, left);
        assert_eq!(removal.freed_bytes, 0);
    }
    let again = there.remove(Target::Tag(tag("w")), false).await;
    assert_eq!(again.expect("looks"), None);
}

#[tokio::test]
async fn a_damaged_manifest_is_never_served() {
    let it = Fixture::new().await;
    let manifest = image(b"1", &[], "");
    let digest = manifest.digest(Algorithm::Sha256);
    put(&it.store, &repo("a"), &manifest, &["v"]).await;
    let hex = digest.hex();
    let path = it.root().join("blobs/sha256").join(&hex[..2]).join(&hex);
    let mut bytes = std::fs::read(&path).expect("is there");
    bytes[10] ^= 1;
    std::fs::write(&path, bytes).expect("can be written");
    let read = it
        .store
        .repo(&repo("a"))
        .manifest(&Reference::Tag(tag("v")))
        .await;
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    // Pushing it again mends it.
    put(&it.store, &repo("a"), &manifest, &["v"]).await;
    assert!(
        it.store
            .repo(&repo("a"))
            .manifest(&Reference::Digest(digest))
            .await
            .is_ok()
    );
}
