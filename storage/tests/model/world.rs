//! What all clients share: the store, the time, and how often links were taken away.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use roadstead_storage::oci::{Digest, RepoName, Tag};
use roadstead_storage::{Clock, Config, KeepFree, Store};

use crate::common::{repo, sha256, tag};

/// Repositories that all clients use.
pub(crate) const REPOSITORIES: [&str; 3] = ["a", "a/b", "c"];
/// Tags of each of them.
pub(crate) const TAGS: [&str; 3] = ["v1", "v2", "latest"];
/// Different blobs: so many that collection finds some that nobody has asked for of late.
pub(crate) const BLOBS: usize = 200;
/// How long a promise holds. Nowhere near the day after which uploads are given up.
pub(crate) const GRACE: Duration = Duration::from_secs(16);

/// A tag of a repository that all use, by their places above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Register {
    pub(crate) repository: usize,
    pub(crate) tag: usize,
}

impl Register {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..REPOSITORIES.len())
            .flat_map(|repository| (0..TAGS.len()).map(move |tag| Self { repository, tag }))
    }

    pub(crate) fn repo(self) -> RepoName {
        repo(REPOSITORIES[self.repository])
    }

    pub(crate) fn tag(self) -> Tag {
        tag(TAGS[self.tag])
    }
}

/// A blob of a repository that all use, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) repository: usize,
    pub(crate) blob: usize,
}

impl Link {
    fn all() -> impl Iterator<Item = Self> {
        (0..REPOSITORIES.len())
            .flat_map(|repository| (0..BLOBS).map(move |blob| Self { repository, blob }))
    }

    pub(crate) fn repo(self) -> RepoName {
        repo(REPOSITORIES[self.repository])
    }

    pub(crate) fn digest(self) -> Digest {
        sha256(&content(self.blob))
    }
}

/// The bytes of a blob.
pub(crate) fn content(blob: usize) -> Vec<u8> {
    (0..=blob % 50).flat_map(|_| blob.to_le_bytes()).collect()
}

/// Links taken away, so far.
#[derive(Debug, Default)]
struct Unlinks {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Since when a link is known to be there, in terms of what may take it away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    at: SystemTime,
    unlinks: u64,
}

/// What all clients share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) root: PathBuf,
    /// How far the clock is, in milliseconds.
    ahead: Arc<AtomicU64>,
    moments: AtomicU64,
    unlinks: HashMap<Link, Unlinks>,
}

impl World {
    /// Opens the store, which may be a new one.
    pub(crate) async fn open(root: PathBuf) -> Self {
        let ahead = Arc::default();
        Self {
            store: open(root.clone(), &ahead).await,
            root,
            ahead,
            moments: AtomicU64::new(0),
            unlinks: Link::all().map(|link| (link, Unlinks::default())).collect(),
        }
    }

    /// Opens the store anew, after a stop in order or a sudden one.
    pub(crate) async fn reopen(self, in_order: bool) -> Self {
        if in_order {
            self.store.close().await;
        } else {
            drop(self.store);
        }
        let store = open(self.root.clone(), &self.ahead).await;
        Self { store, ..self }
    }

    /// A moment later than all before.
    pub(crate) fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).expect("not that long");
        self.ahead.fetch_add(time, Ordering::SeqCst);
    }

    /// To be asked before whatever brings the link about is called.
    pub(crate) fn since(&self, link: Link) -> Since {
        Since {
            at: now(&self.ahead),
            unlinks: self.unlinks(link).ended.load(Ordering::SeqCst),
        }
    }

    /// Whether nobody can have taken the link away; to be asked after it was looked at.
    pub(crate) fn is_kept(&self, link: Link, since: Since) -> bool {
        self.unlinks(link).begun.load(Ordering::SeqCst) == since.unlinks
    }

    /// Whether what was promised then holds now. One that is younger than a quarter of the grace is not
    /// renewed, so three quarters are sure.
    pub(crate) fn is_promised(&self, link: Link, since: Since) -> bool {
        let age = now(&self.ahead).duration_since(since.at);
        self.is_kept(link, since) && age.is_ok_and(|age| age < GRACE * 3 / 4)
    }

    pub(crate) fn begin_unlink(&self, link: Link) {
        self.unlinks(link).begun.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn end_unlink(&self, link: Link) {
        self.unlinks(link).ended.fetch_add(1, Ordering::SeqCst);
    }

    fn unlinks(&self, link: Link) -> &Unlinks {
        &self.unlinks[&link]
    }
}

async fn open(root: PathBuf, ahead: &Arc<AtomicU64>) -> Store {
    let mut config = Config::new(root);
    config.gc_grace = GRACE;
    config.keep_free = KeepFree::Bytes(0);
    let shift = Arc::clone(ahead);
    config.clock = Clock::from_fn(move || now(&shift));
    Store::create_or_open(config).await.expect("opens")
}

fn now(ahead: &AtomicU64) -> SystemTime {
    SystemTime::now() + Duration::from_millis(ahead.load(Ordering::SeqCst))
}
