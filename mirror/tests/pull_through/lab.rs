//! What the scripts are written with: a store, an upstream of the harness, and what fetches from one to
//! the other.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use harness::{Format, Image, Upstream};
use roadstead_mirror::{
    Blob, Client, Credentials, Error, Given, Place, Proxies, PullThrough, Spawn, Timeouts,
};
use roadstead_storage::oci::{Algorithm, Digest, Reference, RepoName, Tag};
use roadstead_storage::{Clock, Config, FetchReader, Store};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// How long what a tag names is good, in seconds.
pub(crate) const MAX_AGE: u64 = 300;

/// A store that pulls through.
pub(crate) struct Lab {
    dir: TempDir,
    pub(crate) store: Store,
    pub(crate) pull_through: Arc<PullThrough>,
    ahead: Arc<AtomicU64>,
    work: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Lab {
    /// A new store before this upstream.
    pub(crate) async fn new(upstream: &Upstream) -> Self {
        let dir = TempDir::new().expect("a directory");
        Self::open(dir, upstream, Timeouts::default()).await
    }

    /// A new store that waits for the upstream no longer than this.
    pub(crate) async fn with(upstream: &Upstream, timeouts: Timeouts) -> Self {
        let dir = TempDir::new().expect("a directory");
        Self::open(dir, upstream, timeouts).await
    }

    async fn open(dir: TempDir, upstream: &Upstream, timeouts: Timeouts) -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let shift = Arc::clone(&ahead);
        let clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
        });
        let mut config = Config::new(dir.path().join("data"));
        config.clock = clock.clone();
        let store = Store::create_or_open(config).await.expect("a store");
        let client = Client::new(&roadstead_mirror::Upstream {
            name: "upstream".to_owned(),
            locations: vec![upstream.url().parse().expect("a URL")],
            credentials: Credentials::default(),
            tls: trusting_nobody(),
            proxies: Proxies::none(),
            token_hosts: Vec::new(),
            redirect_hosts: Vec::new(),
            max_connections: 16,
            timeouts,
        });
        let work: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::default();
        let taken = Arc::clone(&work);
        let spawn = Spawn::new(move |work| {
            let work = Handle::current().spawn(work);
            taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(work);
        });
        let age = Duration::from_secs(MAX_AGE);
        let pull_through = PullThrough::new(store.clone(), client, spawn, clock, age);
        Self {
            dir,
            store,
            pull_through: Arc::new(pull_through),
            ahead,
            work,
        }
    }

    /// As after a kill: all work ends where it is, and nothing is closed in order.
    pub(crate) async fn killed(self, upstream: &Upstream) -> Self {
        let work = std::mem::take(&mut *self.work.lock().unwrap_or_else(PoisonError::into_inner));
        for work in work {
            work.abort();
            drop(work.await);
        }
        let Self {
            dir,
            store,
            pull_through,
            ..
        } = self;
        drop((store, pull_through));
        Self::open(dir, upstream, Timeouts::default()).await
    }

    /// Waits until the repository holds what `reference` names.
    pub(crate) async fn comes(&self, reference: &Reference) {
        let repo = self.store.repo(&place().local);
        let comes = async {
            while repo
                .manifest_record(reference)
                .await
                .expect("reads")
                .is_none()
            {
                tokio::task::yield_now().await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(30), comes).await;
        came.unwrap_or_else(|_| panic!("{reference} never came"));
    }

    /// Lets time pass.
    pub(crate) fn later(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn tag(&self, name: &str) -> Result<Given, Arc<Error>> {
        self.pull_through.tag(&place(), &tag(name)).await
    }

    pub(crate) async fn manifest(&self, digest: Digest) -> Result<Given, Arc<Error>> {
        self.pull_through.manifest(&place(), digest).await
    }

    pub(crate) async fn blob(&self, digest: Digest) -> Result<Blob, Arc<Error>> {
        self.pull_through.blob(&place(), digest).await
    }

    /// A blob that is not here, on its way.
    pub(crate) async fn arriving(&self, digest: Digest) -> FetchReader {
        match self.blob(digest).await.expect("the upstream has it") {
            Blob::Arriving(reader) => reader,
            other => panic!("it does not arrive: {other:?}"),
        }
    }

    /// Whether the store serves a blob from the repository by itself.
    pub(crate) async fn holds(&self, digest: Digest) -> bool {
        let repo = self.store.repo(&place().local);
        repo.blob(digest).await.expect("reads").is_some()
    }

    /// The files of fetches that have not come to their end.
    pub(crate) fn left_behind(&self) -> Vec<PathBuf> {
        let root = self.dir.path().join("data/fetches");
        let mut found = Vec::new();
        let mut pending = vec![root];
        while let Some(dir) = pending.pop() {
            let Ok(entries) = std::fs::read_dir(dir) else {
                continue;
            };
            for entry in entries {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    pending.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// How long whoever asks for what is held may wait: two seconds, which are insisted on where nothing
/// else happens on the machine.
pub(crate) fn soon() -> Duration {
    let is_idle = std::env::var_os("ROADSTEAD_LONG").is_some();
    Duration::from_secs(if is_idle { 2 } else { 6 })
}

/// The repository of most scripts, here and there.
pub(crate) fn place() -> Place {
    Place {
        local: repo("upstream/a/b"),
        remote: repo("a/b"),
    }
}

pub(crate) fn repo(name: &str) -> RepoName {
    name.parse().expect("a name")
}

pub(crate) fn tag(name: &str) -> Tag {
    name.parse().expect("a tag")
}

/// A digest of the harness as the product knows it.
pub(crate) fn known(digest: &harness::Digest) -> Digest {
    digest.as_str().parse().expect("a digest")
}

/// A small image that is unlike those of other texts.
pub(crate) fn image(text: &str) -> Image {
    Image::new(Format::Oci, text)
}

/// Reads a blob on its way to its end; its digest, and how long it is.
pub(crate) async fn read(
    mut reader: FetchReader,
) -> Result<(Digest, u64), roadstead_storage::Error> {
    let mut hasher = roadstead_storage::oci::Hasher::new(Algorithm::Sha256);
    let mut offset = 0;
    loop {
        let bytes = reader.read(offset, 1 << 20).await?;
        if bytes.is_empty() {
            return Ok((hasher.finish(), offset));
        }
        hasher.update(&bytes);
        offset += bytes.len() as u64;
    }
}

fn trusting_nobody() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}
