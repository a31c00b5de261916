//! A tag that is moved, and whose old image is deleted at once, always names something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use roadstead_storage::oci::{Algorithm, Manifest, Reference};
use roadstead_storage::{Config, Store};
use tokio::task::JoinSet;

use crate::common::{image, put, repo, tag};

/// How often it is moved.
const MOVES: u32 = 500;

fn nth_image(number: u32) -> Manifest {
    image(b"1", &[], &format!(r#","annotations":{{"n":"{number}"}}"#))
}

/// Pulls by the tag until `done`.
async fn pull(store: Store, done: Arc<AtomicBool>) {
    let there = store.repo(&repo("a"));
    let reference = Reference::Tag(tag("latest"));
    while !done.load(Ordering::Relaxed) {
        let stored = there.manifest(&reference).await.expect("reads");
        assert!(stored.is_some(), "the tag was never without an image");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pull_by_a_tag_that_is_moved_always_finds_an_image() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let dir = dir.expect("a temporary directory");
    let config = Config::new(dir.path().join("data"));
    let store = Store::create_or_open(config).await.expect("opens");
    let name = repo("a");
    put(&store, &name, &nth_image(0), &["latest"]).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut pulls = JoinSet::new();
    for _ in 0..3 {
        pulls.spawn(pull(store.clone(), Arc::clone(&done)));
    }
    for number in 1..=MOVES {
        put(&store, &name, &nth_image(number), &["latest"]).await;
        let old = nth_image(number - 1).digest(Algorithm::Sha256);
        let deleted = store.repo(&name).delete_manifest(old).await;
        assert_eq!(deleted.expect("deletes"), Some(vec![]));
    }
    done.store(true, Ordering::Relaxed);
    pulls.join_all().await;
}
