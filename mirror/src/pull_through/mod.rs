//! Pull-through: what a client asks for and the store does not have is fetched while it waits.
//!
//! The store is asked first and this only for the rest; what it gives comes out of the store, or out of
//! a fetch on its way there. A tag that was pulled through before is good for a while, then its upstream
//! is asked whether it still names the same. Whatever keeps an upstream from answering, what is held is
//! given, soon, with a word on how old it is. Invariant: a blob is given only to who asks in a repository
//! whose upstream has it there.

mod arrival;
mod blob;
mod companion;
mod listing;
mod manifest;
mod recent;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use roadstead_storage::oci::{Descriptor, Digest, Reference, RepoName, Tag};
use roadstead_storage::{Clock, Error as StoreError, Principal, Store, Stored};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use self::arrival::Arrival;
pub use self::blob::Blob;
pub use self::listing::Listing;
use self::recent::Recent;
use crate::client::Client;
use crate::error::Error;
use crate::flight::Flights;
use crate::note::{How, Note, What};
use crate::spawn::Spawn;

/// How long an upstream is waited for when what is held would do: a client hears within two seconds.
const REVALIDATION: Duration = Duration::from_millis(1500);
/// How long a client waits for room to be made for what it wants.
const MAKING_ROOM: Duration = Duration::from_secs(1);
/// How long an upstream that failed is not waited for, when what is held would do.
const DOUBT: Duration = Duration::from_secs(10);

/// Fetches what is missing from one upstream.
#[derive(Debug)]
pub struct PullThrough {
    store: Store,
    client: Client,
    spawn: Spawn,
    clock: Clock,
    tag_max_age: Duration,
    /// Who brought what is fetched, as records and the log have it.
    by: Principal,
    manifests: Flights<(RepoName, Reference), Arrival>,
    confirmations: Flights<(RepoName, Digest), Result<(), Arc<Error>>>,
    tags: Recent<RepoName, Tag>,
    referrers: Recent<(RepoName, Digest), Descriptor>,
    doubted_until: Mutex<Option<Instant>>,
}

/// A repository of the store, and what its upstream calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// In the store.
    pub local: RepoName,
    /// At the upstream.
    pub remote: RepoName,
}

/// A manifest that was asked for.
#[derive(Debug, Clone)]
pub struct Given {
    /// The manifest.
    pub stored: Stored,
    /// Set when its tag may name something else by now.
    pub stale: Option<Stale>,
}

/// Why nobody knows whether what is held is still what its upstream has.
#[derive(Debug, Clone)]
pub struct Stale {
    /// When its upstream last said so.
    pub checked_at: Option<SystemTime>,
    /// What keeps it from saying so now; `None` when it is only slow.
    pub because: Option<Arc<Error>>,
}

impl PullThrough {
    /// Pull-through from the upstream of `client` into `store`.
    pub fn new(
        store: Store,
        client: Client,
        spawn: Spawn,
        clock: Clock,
        tag_max_age: Duration,
    ) -> Self {
        let by = Principal::new(format!("upstream {}", client.name()));
        Self {
            store,
            client,
            spawn,
            clock,
            tag_max_age,
            by,
            manifests: Flights::default(),
            confirmations: Flights::default(),
            tags: Recent::new(tag_max_age),
            referrers: Recent::new(tag_max_age),
            doubted_until: Mutex::default(),
        }
    }

    /// Takes note that the store had what a client asked for, so that nobody had to be asked for these
    /// bytes.
    pub fn was_here(&self, what: What, bytes: u64) {
        self.tell_served(what, How::Hit);
        self.client.notes().tell(Note::Saved { bytes });
    }

    fn tell_served(&self, what: What, how: How) {
        self.client.notes().tell(Note::Served { what, how });
    }

    /// Tells that something is given of which nobody knows whether it still holds.
    fn tell_stale(&self, what: What, stale: &Stale) {
        self.tell_served(what, How::Stale);
        let since = |checked| self.clock.now().duration_since(checked).ok();
        if let Some(age) = stale.checked_at.and_then(since) {
            self.client.notes().tell(Note::Stale { age });
        }
    }

    /// Whether there may be room by now for what there was none for a moment ago: what was pulled through
    /// long ago makes way.
    async fn makes_room(&self, error: &Error) -> bool {
        let is_want_of_room = matches!(
            error,
            Error::Store(StoreError::Full { .. } | StoreError::OverQuota { .. })
        );
        is_want_of_room
            && timeout(MAKING_ROOM, self.store.until_trimmed())
                .await
                .is_ok()
    }

    /// How long a client is kept waiting for the upstream when what is held would do.
    fn patience(&self) -> Duration {
        let until = *self
            .doubted_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) {
            Duration::ZERO
        } else {
            REVALIDATION
        }
    }

    /// Takes note of whether the upstream answers.
    fn doubt(&self, error: Option<&Error>) {
        let because = error.filter(|error| error.is_outage());
        let until = because.map(|_| Instant::now() + DOUBT);
        let before = {
            let mut held = self
                .doubted_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, until)
        };
        match (because, before) {
            (Some(error), None) => {
                let error = error as &(dyn std::error::Error + 'static);
                warn!(
                    upstream = self.client.name(),
                    error, "An upstream does not answer as it should: what is held is served"
                );
            }
            (None, Some(_)) => info!(upstream = self.client.name(), "An upstream answers again"),
            _ => {}
        }
    }
}

fn local(error: StoreError) -> Arc<Error> {
    Arc::new(error.into())
}

/// Whether the store could not take something, which is no reason not to give it.
fn cannot_be_kept(error: &Error) -> bool {
    matches!(
        error,
        Error::Store(
            StoreError::Full { .. } | StoreError::OverQuota { .. } | StoreError::ReadOnly { .. }
        )
    )
}
