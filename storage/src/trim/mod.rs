//! Trimming: when the store is tight, what pull-through brought and nobody asked for of late goes.
//!
//! First all manifests are read and what goes is [chosen](choice). Then, under each repository's lock, it is
//! read again, and of what was chosen that goes which still may: tags, referrers' marks, records, as in
//! any delete. Last a collection takes the content away, and for once not by way of the trash, since it can
//! be had again and its bytes are wanted now. So a trim can be killed anywhere, and never touches what was
//! pushed or mirrored, nor a layer that is still needed.

mod census;
mod choice;
mod family;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use tracing::info;

use self::census::{Census, Present};
use self::choice::{Candidate, Layer, choose, merge};
use crate::breath::Breath;
use crate::collect::Collection;
use crate::error::Error;
use crate::fetch::Fetches;
use crate::oci::{Digest, RepoName};
use crate::progress::{Phase, Progress, check_stop};
use crate::repo::{Files, Shared};
use crate::upload::Uploads;
use crate::walk;

/// What a trim did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trimmed {
    /// Bytes that should have gone; 0 when there was room enough.
    pub wanted: u64,
    /// Manifests that went.
    pub manifests: u64,
    /// Tags that named them.
    pub tags: u64,
    /// Blobs that went with them, manifests among them.
    pub blobs: u64,
    /// Bytes of these.
    pub bytes: u64,
}

impl Trimmed {
    /// Whether as much went as should have.
    pub fn is_enough(&self) -> bool {
        self.bytes >= self.wanted
    }
}

/// One trim, under way.
pub(crate) struct Trim<'a> {
    shared: &'a Arc<Shared>,
    uploads: &'a Uploads,
    fetches: &'a Fetches,
    stop: &'a AtomicBool,
    progress: &'a mut dyn FnMut(Progress),
    breath: Breath,
    present: Present,
    read: u64,
}

/// What is known of the layers of candidates.
#[derive(Debug, Default)]
struct Layers {
    places: HashMap<Digest, usize>,
    layers: Vec<Layer>,
}

impl<'a> Trim<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        (uploads, fetches): (&'a Uploads, &'a Fetches),
        stop: &'a AtomicBool,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        let present = Present {
            now: shared.config.clock.now(),
            fetched: fetches.under_way().into_iter().collect(),
        };
        Self {
            shared,
            uploads,
            fetches,
            stop,
            progress,
            breath: Breath::new(),
            present,
            read: 0,
        }
    }

    /// Makes room, if the store is tight.
    pub(crate) fn run(mut self) -> Result<Trimmed, Error> {
        let mut trimmed = Trimmed {
            wanted: self.shared.blobs.space().take_excess()?,
            ..Trimmed::default()
        };
        if trimmed.wanted == 0 {
            return Ok(trimmed);
        }
        let mut gone = HashSet::new();
        for (repository, manifests) in self.choose(trimmed.wanted)? {
            check_stop(self.stop)?;
            self.let_go(&repository, &manifests, &mut gone, &mut trimmed)?;
        }
        // Also without victims: there may be what nothing needs.
        let leftovers = (self.uploads, self.fetches);
        let collection = Collection::new(self.shared, leftovers, false, self.stop, self.progress);
        let collected = collection.forgetting(gone).run()?;
        trimmed.blobs = collected.blobs;
        trimmed.bytes = collected.bytes;
        info!(
            wanted = trimmed.wanted,
            manifests = trimmed.manifests,
            tags = trimmed.tags,
            blobs = trimmed.blobs,
            bytes = trimmed.bytes,
            "Trimmed"
        );
        Ok(trimmed)
    }

    /// What is to go, by repository.
    fn choose(&mut self, goal: u64) -> Result<HashMap<Arc<RepoName>, HashSet<Digest>>, Error> {
        let mut candidates = Vec::new();
        let mut layers = Layers::default();
        let mut needed = HashSet::new();
        for name in walk::all_repositories(&self.shared.layout.repos())? {
            let census = self.census(&name, true)?;
            needed.extend(census.needed);
            let repository = Arc::new(name);
            let before = candidates.len();
            for going in census.going {
                let family = going.family;
                candidates.push(Candidate {
                    repository: Arc::clone(&repository),
                    last_use: family.last_use,
                    manifests: going.manifests,
                    layers: layers.hold(&going.layers),
                    holds: family.holds.iter().map(|held| before + held).collect(),
                    holds_staying: family.holds_staying,
                });
            }
        }
        let layers = self.weigh(layers, &needed)?;
        let candidates = merge(candidates);
        let mut chosen: HashMap<_, HashSet<Digest>> = HashMap::new();
        for place in choose(&candidates, layers, goal) {
            let candidate = &candidates[place];
            let manifests = chosen.entry(Arc::clone(&candidate.repository));
            manifests.or_default().extend(&candidate.manifests);
        }
        Ok(chosen)
    }

    /// Lets those of the manifests go that still may, with their tags. What they needed is added to
    /// `gone`.
    fn let_go(
        &mut self,
        name: &RepoName,
        manifests: &HashSet<Digest>,
        gone: &mut HashSet<Digest>,
        trimmed: &mut Trimmed,
    ) -> Result<(), Error> {
        let shared = Arc::clone(self.shared);
        let _guard = shared.locks.blocking_lock(name);
        let going = self.census(name, false)?.going;
        let going = going.iter().flat_map(|going| &going.manifests);
        let going: HashSet<_> = going
            .copied()
            .filter(|one| manifests.contains(one))
            .collect();
        let files = Files::new(Arc::clone(&shared), name.clone());
        for digest in &going {
            if let Some(manifest) = files.parse_manifest(*digest)? {
                gone.insert(*digest);
                gone.extend(manifest.blobs().iter().map(|blob| blob.digest));
            }
        }
        let tags = files.delete_many(&going)?;
        info!(repo = %name, manifests = going.len(), tags, "Let go of what nobody asked for of late");
        trimmed.tags += tags as u64;
        trimmed.manifests += going.len() as u64;
        Ok(())
    }

    /// Reads a repository; rests between its manifests if it may.
    fn census(&mut self, name: &RepoName, may_rest: bool) -> Result<Census, Error> {
        let Self {
            shared,
            stop,
            progress,
            breath,
            present,
            read,
            ..
        } = self;
        let files = Files::new(Arc::clone(shared), name.clone());
        let mut step = || {
            check_stop(stop)?;
            *read += 1;
            progress(Progress {
                phase: Phase::Mark,
                done: *read,
                total: None,
            });
            if may_rest {
                breath.take();
            }
            Ok(())
        };
        Census::take(&files, present, &mut step)
    }

    /// What each layer takes, and whether it can go: not what somebody else needs, nor what collection
    /// would find too young.
    fn weigh(&mut self, layers: Layers, needed: &HashSet<Digest>) -> Result<Vec<Layer>, Error> {
        let Layers { places, mut layers } = layers;
        let Shared { layout, config, .. } = &**self.shared;
        for (digest, place) in places {
            let layer = &mut layers[place];
            let file = walk::metadata(&layout.blob(&digest))?;
            let promised = file.as_ref().and_then(|file| file.modified().ok());
            let is_old = promised.is_some_and(|promised| {
                let age = self.present.now.duration_since(promised);
                age.is_ok_and(|age| age >= config.gc_grace)
            });
            layer.bytes = file.map_or(0, |file| file.len());
            layer.stays = !is_old || needed.contains(&digest);
            self.breath.take();
        }
        Ok(layers)
    }
}

impl Layers {
    /// Notes that somebody needs these. Their places.
    fn hold(&mut self, digests: &[Digest]) -> Vec<usize> {
        let hold = |digest: &Digest| {
            let next = self.layers.len();
            let place = *self.places.entry(*digest).or_insert(next);
            if place == next {
                self.layers.push(Layer {
                    bytes: 0,
                    holders: 0,
                    stays: false,
                });
            }
            self.layers[place].holders += 1;
            place
        };
        digests.iter().map(hold).collect()
    }
}
