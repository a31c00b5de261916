//! Backups of a store that is pushed to, deleted from and collected all the while.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use roadstead_storage::oci::{Digest, Manifest};
use roadstead_storage::{Config, Error, Store};
use tokio::sync::watch;

use crate::common::{image, push_blob, put, repo, sha256};
use crate::content::{Content, content, content_of};
use crate::{back_up, digest_of, populate};

/// Clients that push and delete, and what of it is acknowledged and not being deleted.
#[derive(Default)]
struct Load {
    acknowledged: Mutex<Content>,
    rounds: watch::Sender<u64>,
    stop: AtomicBool,
}

impl Load {
    const CLIENTS: [&str; 3] = ["x", "y/z", "y"];

    fn layer(client: &str, round: u64) -> Vec<u8> {
        format!("{client} {round}").into_bytes()
    }

    fn image(client: &str, round: u64) -> Manifest {
        image(&Self::layer(client, round), &[], "")
    }

    fn facts(client: &str, round: u64) -> [(String, Digest); 2] {
        let layer = sha256(&Self::layer(client, round));
        let image = digest_of(&Self::image(client, round));
        [
            (format!("{client} {layer}"), layer),
            (format!("{client}@{image}"), image),
        ]
    }

    fn acknowledged(&self) -> MutexGuard<'_, Content> {
        self.acknowledged.lock().expect("no panic under the lock")
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Pushes an image after the other, each with a layer of its own, and keeps the last two.
    async fn push(self: Arc<Self>, store: Store, client: &'static str) {
        let name = repo(client);
        for round in 2.. {
            // Without grace a layer may go between its push and its image: then the answer says so.
            loop {
                push_blob(&store, &name, &Self::layer(client, round)).await;
                let image = Self::image(client, round);
                if put(&store, &name, &image, &["latest"])
                    .await
                    .missing
                    .is_empty()
                {
                    break;
                }
            }
            {
                // Forgotten first, since it may not be in a backup that begins from here on.
                let mut acknowledged = self.acknowledged();
                for (gone, _) in Self::facts(client, round - 2) {
                    acknowledged.remove(&gone);
                }
                acknowledged.extend(Self::facts(client, round));
            }
            let gone = digest_of(&Self::image(client, round - 2));
            let deleted = store.repo(&name).delete_manifest(gone).await;
            deleted.expect("deletes");
            self.rounds.send_modify(|rounds| *rounds += 1);
            if !self.goes_on() {
                break;
            }
        }
    }

    async fn collect(self: Arc<Self>, store: Store) {
        let mut rounds = self.rounds.subscribe();
        while self.goes_on() {
            // The last round may be over.
            let _ = tokio::time::timeout(Duration::from_millis(10), rounds.changed()).await;
            match store.collect(false, Arc::default(), |_| {}).await {
                Ok(_) | Err(Error::BackingUp) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    async fn until(&self, wanted: u64) {
        let mut rounds = self.rounds.subscribe();
        let reached = rounds.wait_for(|rounds| *rounds >= wanted).await;
        reached.expect("the clients are not gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_acknowledged_before_a_backup_under_load_is_in_it() {
    // In memory: it is the order of things that counts here, of which a slow disk shows less.
    let dir = tempfile::tempdir_in("/dev/shm").expect("memory to write to");
    let mut config = Config::new(dir.path().join("data"));
    config.gc_grace = Duration::ZERO;
    let store = Store::create_or_open(config).await.expect("opens");
    populate(&store, &dir.path().join("data")).await;
    let copy = dir.path().join("copy");
    let load = Arc::new(Load::default());
    let mut tasks = tokio::task::JoinSet::new();
    for client in Load::CLIENTS {
        tasks.spawn(Arc::clone(&load).push(store.clone(), client));
    }
    tasks.spawn(Arc::clone(&load).collect(store.clone()));
    for backup in 1..=6 {
        load.until(backup * 10).await;
        let before = load.acknowledged().clone();
        let done = back_up(&store, &copy).await.expect("backs up");
        assert_eq!(done.damaged, BTreeSet::new());
        let after = load.acknowledged().clone();
        let held = content(&copy).await;
        for (name, digest) in &before {
            let was_deleted = !after.contains_key(name);
            assert!(was_deleted || held.get(name) == Some(digest), "{name}");
        }
        for client in Load::CLIENTS {
            let latest = held.get(&format!("{client}:latest"));
            let latest = latest.expect("a tag that is moved is always there");
            assert!(held.contains_key(&format!("{client}@{latest}")), "{client}");
        }
    }
    load.stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    back_up(&store, &copy).await.expect("backs up");
    assert_eq!(content(&copy).await, content_of(store, &dir).await);
}
