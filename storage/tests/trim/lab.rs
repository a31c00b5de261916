//! What the scripts are written with: a store of limited size, images, and a clock that is moved.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use roadstead_storage::oci::{Algorithm, Digest, Manifest, MediaType, Reference};
use roadstead_storage::{Clock, Config, Hook, Origin, Put, Store, Trimmed};
use tempfile::TempDir;

use crate::common::{Fixture, alice, image, push_blob, repo, sha256, tag};

pub(crate) const KIB: usize = 1024;
pub(crate) const HOUR: u64 = 60 * 60;
/// What the store may take: four images, nearly.
pub(crate) const MAX_SIZE: usize = 100 * KIB;
/// What a layer takes.
pub(crate) const LAYER: usize = 24 * KIB;

/// A store of limited size, whose clock is moved.
pub(crate) struct Lab {
    pub(crate) it: Fixture,
    ahead: Arc<AtomicU64>,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self::open(dir, Arc::default(), None, configure).await
    }

    /// As [`Lab::new`], with a hook that sees every change of the disk.
    pub(crate) async fn hooked(hook: Arc<dyn Hook>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self::open(dir, Arc::default(), Some(hook), |_| {}).await
    }

    /// As after a kill: nothing is closed in order.
    pub(crate) async fn reopen(self) -> Self {
        let Self { it, ahead } = self;
        let Fixture { dir, store } = it;
        drop(store);
        Self::open(dir, ahead, None, |_| {}).await
    }

    async fn open(
        dir: TempDir,
        ahead: Arc<AtomicU64>,
        hook: Option<Arc<dyn Hook>>,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let shift = Arc::clone(&ahead);
        let mut config = Config::new(dir.path().join("data"));
        config.max_size = Some(MAX_SIZE as u64);
        config.clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
        });
        configure(&mut config);
        let store = Store::create_or_open_hooked(config, hook).await;
        let store = store.expect("the store opens");
        let it = Fixture { dir, store };
        Self { it, ahead }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.it.store
    }

    /// Lets time pass.
    pub(crate) fn later(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn trim(&self) -> Trimmed {
        let trimmed = self.store().trim(Arc::default(), |_| {}).await;
        trimmed.expect("trims")
    }

    /// Brings an image of these layers, each filled with one byte.
    pub(crate) async fn bring(
        &self,
        name: &str,
        tags: &[&str],
        layers: &[u8],
        origin: Origin,
    ) -> Digest {
        let layers: Vec<_> = layers.iter().map(|byte| layer(*byte)).collect();
        for layer in &layers {
            push_blob(self.store(), &repo(name), layer).await;
        }
        let layers: Vec<_> = layers.iter().map(Vec::as_slice).collect();
        self.put(name, tags, &image(b"", &layers, ""), origin).await
    }

    pub(crate) async fn put(
        &self,
        name: &str,
        tags: &[&str],
        manifest: &Manifest,
        origin: Origin,
    ) -> Digest {
        let digest = manifest.digest(Algorithm::Sha256);
        let put = Put {
            digest,
            manifest: manifest.clone(),
            tags: tags.iter().map(|name| tag(name)).collect(),
            origin,
            by: alice(),
        };
        let stored = self.store().repo(&repo(name)).put_manifest(put).await;
        stored.expect("the manifest is stored");
        digest
    }

    /// What is there, without asking for it as a client does.
    pub(crate) async fn manifests(&self, name: &str) -> u64 {
        let summary = self.store().repo(&repo(name)).describe().await;
        summary.expect("reads").map_or(0, |summary| {
            let missing = summary.missing.iter().filter(|one| **one != sha256(b""));
            assert_eq!(missing.count(), 0, "but for the config");
            summary.manifests
        })
    }

    pub(crate) async fn tags(&self, name: &str) -> Vec<String> {
        let tags = self.store().repo(&repo(name)).tags().await;
        let tags = tags.expect("reads").unwrap_or_default();
        tags.iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn referrers(&self, name: &str, subject: Digest) -> usize {
        let referrers = self.store().repo(&repo(name)).referrers(subject).await;
        referrers.expect("reads").len()
    }

    pub(crate) async fn has(&self, name: &str, byte: u8) -> bool {
        let there = self.store().repo(&repo(name));
        let blob = there.blob(sha256(&layer(byte))).await;
        blob.expect("reads").is_some()
    }

    pub(crate) async fn used(&self) -> u64 {
        let usage = self.store().usage().await.expect("says");
        usage.used.expect("it is limited")
    }

    /// A client asks for a manifest, and that is noted.
    pub(crate) async fn pull(&self, name: &str, digest: Digest) {
        let now = SystemTime::now() + Duration::from_secs(self.ahead.load(Ordering::Relaxed));
        let reference = Reference::Digest(digest);
        let pulled = self.store().repo(&repo(name)).manifest(&reference).await;
        pulled.expect("reads").expect("is there");
        let record = self.record(name, digest);
        let noted = async {
            while modified(&record) < now {
                tokio::task::yield_now().await;
            }
        };
        let noted = tokio::time::timeout(Duration::from_secs(10), noted).await;
        noted.expect("the use is noted");
    }

    /// When it was noted that somebody asked for a manifest.
    pub(crate) fn noted(&self, name: &str, digest: Digest) -> SystemTime {
        modified(&self.record(name, digest))
    }

    fn record(&self, name: &str, digest: Digest) -> PathBuf {
        let manifests = self.it.root().join("repos").join(name);
        manifests.join("_manifests/sha256").join(digest.hex())
    }
}

pub(crate) fn layer(byte: u8) -> Vec<u8> {
    vec![byte; LAYER]
}

pub(crate) fn index(children: &[Digest], more: &str) -> Manifest {
    let child = |digest: &Digest| {
        let kind = MediaType::OCI_MANIFEST;
        format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":1}}"#)
    };
    let children: Vec<_> = children.iter().map(child).collect();
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]{more}}}"#,
        children.join(",")
    );
    Manifest::parse(Some(MediaType::OCI_INDEX.as_str()), text.into()).expect("a valid index")
}

pub(crate) fn subject(digest: Digest) -> String {
    let kind = MediaType::OCI_MANIFEST;
    format!(r#","subject":{{"mediaType":"{kind}","digest":"{digest}","size":1}}"#)
}

fn modified(path: &Path) -> SystemTime {
    let file = path.metadata().expect("is there");
    file.modified().expect("it has a time")
}
