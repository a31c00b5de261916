//! Where content came from decides what may happen to it, and what it shows.

mod common;

use common::{Fixture, alice, image, push_blob, put, repo, sha256, tag};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference, RepoName};
use roadstead_storage::{Error, Holding, Origin, Put, PutOutcome, Store, TagState};

async fn bring(
    store: &Store,
    name: &RepoName,
    manifest: &Manifest,
    tags: &[&str],
    origin: Origin,
) -> PutOutcome {
    let put = Put {
        digest: manifest.digest(Algorithm::Sha256),
        manifest: manifest.clone(),
        tags: tags.iter().map(|name| tag(name)).collect(),
        origin,
        by: alice(),
    };
    let stored = store.repo(name).put_manifest(put).await;
    stored.expect("the manifest is stored")
}

async fn state(store: &Store, name: &RepoName, of: &str) -> TagState {
    let state = store.repo(name).tag(&tag(of)).await.expect("reads");
    state.expect("there is such a tag")
}

async fn serves(store: &Store, name: &RepoName, blob: Digest) -> bool {
    let blob = store.repo(name).blob(blob).await;
    blob.expect("reads").is_some()
}

#[tokio::test]
async fn a_pull_through_moves_no_tag_that_came_in_another_way() {
    let it = Fixture::new().await;
    let name = repo("a");
    let (old, new) = (image(b"old", &[], ""), image(b"new", &[], ""));
    let (kept, moved) = (old.digest(Algorithm::Sha256), new.digest(Algorithm::Sha256));
    put(&it.store, &name, &old, &["pushed"]).await;
    bring(&it.store, &name, &old, &["mirrored"], Origin::Mirrored).await;
    bring(&it.store, &name, &old, &["pulled"], Origin::PulledThrough).await;

    let all = ["pushed", "mirrored", "pulled"];
    let outcome = bring(&it.store, &name, &new, &all, Origin::PulledThrough).await;
    assert_eq!(outcome.tags, [(tag("pulled"), Some(kept))]);
    for (name_of, digest, origin) in [
        ("pushed", kept, Origin::Pushed),
        ("mirrored", kept, Origin::Mirrored),
        ("pulled", moved, Origin::PulledThrough),
    ] {
        let state = state(&it.store, &name, name_of).await;
        assert_eq!((state.digest, state.origin), (digest, origin), "{name_of}");
        assert_eq!(state.checked_at.is_none(), origin == Origin::Pushed);
    }
}

#[tokio::test]
async fn a_repository_tells_what_of_it_came_in_which_way() {
    let it = Fixture::new().await;
    let name = repo("a");
    let (one, other) = (image(b"one", &[], ""), image(b"other", &[], ""));
    bring(&it.store, &name, &one, &[], Origin::Mirrored).await;
    bring(&it.store, &name, &other, &["1", "2"], Origin::PulledThrough).await;
    let check = async |name: &str, origin, tags, manifests| {
        let holding = it.store.repo(&repo(name)).holding(origin).await;
        assert_eq!(holding.expect("reads"), Holding { manifests, tags });
    };
    check("a", Origin::Mirrored, false, true).await;
    check("a", Origin::PulledThrough, true, true).await;
    check("a", Origin::Pushed, false, false).await;
    check("none", Origin::Mirrored, false, false).await;
    bring(&it.store, &name, &other, &["2"], Origin::Mirrored).await;
    check("a", Origin::Mirrored, true, true).await;
}

#[tokio::test]
async fn a_tag_is_confirmed_as_long_as_it_names_the_same() {
    let it = Fixture::new().await;
    let name = repo("a");
    let (one, other) = (image(b"one", &[], ""), image(b"other", &[], ""));
    put(&it.store, &name, &one, &["pushed"]).await;
    bring(&it.store, &name, &one, &["pulled"], Origin::PulledThrough).await;
    let it = it.reopen().await;
    let before = [
        state(&it.store, &name, "pushed").await,
        state(&it.store, &name, "pulled").await,
    ];
    for (of, manifest) in [("pushed", &one), ("pulled", &other), ("none", &one)] {
        let digest = manifest.digest(Algorithm::Sha256);
        let confirmed = it.store.repo(&name).confirm_tag(&tag(of), digest).await;
        confirmed.expect("nothing happens");
    }
    assert_eq!(state(&it.store, &name, "pushed").await, before[0]);
    assert_eq!(state(&it.store, &name, "pulled").await, before[1]);
    let digest = one.digest(Algorithm::Sha256);
    let repo = it.store.repo(&name);
    let confirmed = repo.confirm_tag(&tag("pulled"), digest).await;
    confirmed.expect("is noted");
    let after = state(&it.store, &name, "pulled").await;
    assert_eq!(
        (after.digest, after.origin),
        (digest, Origin::PulledThrough)
    );
    assert!(after.checked_at.is_some());
}

#[tokio::test]
async fn a_manifest_of_an_upstream_opens_what_it_refers_to_and_a_pushed_one_does_not() {
    let it = Fixture::new().await;
    push_blob(&it.store, &repo("secret"), b"layer").await;
    let layer = sha256(b"layer");
    let image = image(b"config", &[b"layer"], "");

    put(&it.store, &repo("pushed"), &image, &["1"]).await;
    assert!(!serves(&it.store, &repo("pushed"), layer).await);
    let referred = it.store.repo(&repo("pushed")).referred_blob(layer).await;
    assert_eq!(referred.expect("reads"), None);

    let outcome = bring(
        &it.store,
        &repo("pulled"),
        &image,
        &["1"],
        Origin::PulledThrough,
    )
    .await;
    assert_eq!(outcome.missing, [sha256(b"config")]);
    assert!(serves(&it.store, &repo("pulled"), layer).await);
}

#[tokio::test]
async fn a_blob_that_came_later_is_linked_where_an_upstream_refers_to_it() {
    let it = Fixture::new().await;
    let name = repo("pulled");
    let image = image(b"config", &[b"layer"], "");
    bring(&it.store, &name, &image, &["1"], Origin::Mirrored).await;
    let (layer, unrelated) = (sha256(b"layer"), sha256(b"unrelated"));
    let pulled = it.store.repo(&name);
    assert!(!pulled.link_confirmed(layer).await.expect("reads"));
    push_blob(&it.store, &repo("other"), b"layer").await;
    push_blob(&it.store, &repo("other"), b"unrelated").await;

    let referred = pulled.referred_blob(layer).await.expect("reads");
    assert_eq!(referred.expect("it is referred to").size, 5);
    assert_eq!(pulled.referred_blob(unrelated).await.expect("reads"), None);
    assert!(!serves(&it.store, &name, layer).await);
    assert!(pulled.link_confirmed(layer).await.expect("links"));
    assert!(serves(&it.store, &name, layer).await);
}

#[tokio::test]
async fn a_damaged_manifest_of_an_upstream_counts_as_missing_and_can_come_again() {
    let it = Fixture::new().await;
    let whole = image(b"config", &[b"layer"], "");
    let damaged = image(b"other", &[], "");
    let digest = damaged.digest(Algorithm::Sha256);
    let path = blob_path(&it, digest);
    for (name, origin) in [
        ("pulled", Origin::PulledThrough),
        ("mirrored", Origin::Mirrored),
    ] {
        let name = repo(name);
        bring(&it.store, &name, &whole, &["1"], origin).await;
        bring(&it.store, &name, &damaged, &["2"], origin).await;
        std::fs::write(&path, "not the manifest").expect("writes");
        let there = it.store.repo(&name);
        let references = [Reference::Digest(digest), Reference::Tag(tag("2"))];
        for reference in &references {
            assert!(there.manifest(reference).await.expect("reads").is_none());
        }
        // What others say is still heard.
        let referred = there.referred_blob(sha256(b"layer")).await.expect("reads");
        assert_eq!(referred.expect("it is referred to").size, 5);
        bring(&it.store, &name, &damaged, &["2"], Origin::PulledThrough).await;
        for reference in &references {
            assert!(there.manifest(reference).await.expect("reads").is_some());
        }
        assert_eq!(state(&it.store, &name, "1").await.origin, origin);
    }
    put(&it.store, &repo("pushed"), &damaged, &["1"]).await;
    std::fs::write(&path, "not the manifest").expect("writes");
    let there = it.store.repo(&repo("pushed"));
    let refused = there.manifest(&Reference::Digest(digest)).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
}

fn blob_path(it: &Fixture, digest: Digest) -> std::path::PathBuf {
    let hex = digest.hex();
    it.root().join("blobs/sha256").join(&hex[..2]).join(&hex)
}
