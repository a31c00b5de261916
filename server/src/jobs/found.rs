//! The releases and samples that a job wants, found before an order can say what that comes to.
//!
//! Knows nothing of what else the job wants. Invariant: a release that cannot be found or is not believed
//! costs the job that release and no more, and is told of.

use std::sync::Arc;
use std::time::SystemTime;

use roadstead_mirror::job::Lost;
use roadstead_mirror::openshift::Layout;
use roadstead_storage::{Error as StoreError, Store};
use tokio::task::spawn_blocking;

use crate::config::Sync;
use crate::jobs::release::{Believed, Seeker};
use crate::jobs::samples::{Samples, of_release};
use crate::report::chain;
use crate::upstreams::{Login, Upstreams};

/// What was found of the releases that a job wants.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Releases that may be copied.
    pub(super) releases: Vec<Believed>,
    /// Their samples, if those are wanted, each by what it is remembered as.
    pub(super) samples: Vec<(String, Samples)>,
    /// What cannot be had.
    pub(super) lost: Vec<Lost>,
}

impl Found {
    /// Looks for all releases of a job, and for their samples if it wants them.
    ///
    /// # Errors
    /// In words, when nobody can be believed: keys or stores cannot be used.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub(super) async fn of_job(
        store: &Store,
        upstreams: &Upstreams,
        job: &Arc<Sync>,
        now: SystemTime,
    ) -> Result<Self, String> {
        let mut found = Self::default();
        if job.releases.is_empty() {
            return Ok(found);
        }
        let shared = upstreams.clone();
        let trust = spawn_blocking(move || shared.trust().configured()).await;
        let trust = trust.map_err(|panic| panic.to_string())?;
        let trust = trust.map_err(|error| chain(&error).to_string())?;
        let seeker = Seeker {
            store,
            upstreams,
            login: &Login::Configured,
            trust: &trust,
            allows_unsigned: false,
            now,
        };
        for name in &job.releases {
            let believed = seeker.believe(name.clone(), Layout::default()).await;
            match believed {
                Ok(believed) => {
                    if job.samples {
                        found.add_samples(seeker, &believed).await;
                    }
                    found.releases.push(believed);
                }
                Err(error) => found.lose(name.to_string(), chain(&error).to_string()),
            }
        }
        Ok(found)
    }

    async fn add_samples(&mut self, seeker: Seeker<'_>, believed: &Believed) {
        match of_release(seeker, believed, None).await {
            Ok(streams) => {
                let samples = Samples::new(&streams, None);
                self.samples.push((believed.name(), samples));
            }
            Err(error) => {
                let source = format!("the samples of {}", believed.release.name());
                self.lose(source, chain(&error).to_string());
            }
        }
    }

    fn lose(&mut self, source: String, because: String) {
        self.lost.push(Lost { source, because });
    }

    /// Keeps what has to be kept before anything is copied: signatures, and what clusters are to be told.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Each thing is kept whole or not at all.
    pub(super) async fn keep(&self, store: &Store) -> Result<(), StoreError> {
        for release in &self.releases {
            release.keep(store).await?;
        }
        for (name, samples) in &self.samples {
            samples.keep(store, name).await?;
        }
        Ok(())
    }
}
