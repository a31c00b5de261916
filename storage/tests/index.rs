//! The index is derived: whatever happens to it, the files decide.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Fixture, image, put, repo};
use roadstead_storage::{Config, Error, Store};

async fn with_repositories() -> Fixture {
    let it = Fixture::new().await;
    it.store.rebuild_index().await.expect("builds");
    for name in ["b", "a/z", "a", "a-b"] {
        put(&it.store, &repo(name), &image(b"1", &[], ""), &["v"]).await;
    }
    it
}

async fn listed(store: &Store) -> Vec<String> {
    let names = store.repositories(None, 100).await.expect("lists");
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn repositories_are_listed_in_byte_order_and_in_pages() {
    let it = with_repositories().await;
    assert_eq!(listed(&it.store).await, ["a", "a-b", "a/z", "b"]);
    let page = it.store.repositories(Some("a"), 2).await.expect("lists");
    assert_eq!(page, [repo("a-b"), repo("a/z")]);
    let page = it.store.repositories(Some("a0"), 2).await.expect("lists");
    assert_eq!(page, [repo("b")]);
}

#[tokio::test]
async fn an_index_closed_in_order_is_ready_at_once() {
    let Fixture { dir, store } = with_repositories().await;
    store.close().await;
    let store = Store::open(Config::new(dir.path().join("data")))
        .await
        .expect("opens");
    assert!(store.index_ready());
    assert_eq!(listed(&store).await, ["a", "a-b", "a/z", "b"]);
}

#[tokio::test]
async fn after_a_kill_listings_wait_for_the_rebuild_and_then_are_whole() {
    let it = with_repositories().await.reopen().await;
    let early = it.store.repositories(None, 100).await;
    assert!(matches!(early, Err(Error::IndexNotReady)), "{early:?}");
    // Tags do not wait.
    assert_eq!(
        it.store
            .repo(&repo("a"))
            .tags()
            .await
            .expect("lists")
            .map(|tags| tags.len()),
        Some(1)
    );
    it.store.rebuild_index().await.expect("rebuilds");
    assert_eq!(listed(&it.store).await, ["a", "a-b", "a/z", "b"]);
}

#[tokio::test]
async fn a_deleted_or_damaged_index_is_built_anew() {
    for damage in ["deleted", "garbage"] {
        let Fixture { dir, store } = with_repositories().await;
        store.close().await;
        let root = dir.path().join("data");
        if damage == "deleted" {
            std::fs::remove_dir_all(root.join("index")).expect("was there");
        } else {
            std::fs::write(root.join("index/sled/db"), vec![0xA5; 100_000])
                .expect("can be written");
        }
        let store = Store::open(Config::new(root)).await.expect("opens");
        store.rebuild_index().await.expect("rebuilds");
        assert_eq!(listed(&store).await, ["a", "a-b", "a/z", "b"], "{damage}");
    }
}

#[tokio::test]
async fn a_rebuild_that_was_stopped_is_done_by_whoever_keeps_the_index() {
    let it = with_repositories().await;
    let kept = it.store.clone();
    let keep = async { kept.keep_index().await.map(drop) };
    let stopped = async {
        let stop = Arc::new(AtomicBool::new(false));
        let after_the_first = Arc::clone(&stop);
        let progress = move |_| after_the_first.store(true, Ordering::Relaxed);
        let stopped = it.store.reindex(stop, progress).await;
        assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
        while !it.store.index_ready() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        kept = keep => panic!("{kept:?}"),
        () = stopped => {}
    }
    assert_eq!(listed(&it.store).await, ["a", "a-b", "a/z", "b"]);
}
