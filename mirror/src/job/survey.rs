//! Looks at everything that is wanted: finds it at its upstreams, and counts what that comes to.
//!
//! Changes nothing. Invariant: what an upstream fails at stands for itself as an image that failed; only
//! the store's own failure is the end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roadstead_storage::Store;
use roadstead_storage::oci::{Digest, Reference, RepoName, Tag};

use super::crowd;
use super::event::{Event, Watch};
use super::failure::Failure;
use super::find::find;
use super::image::{Found, Image, Target};
use super::order::{Platforms, Selection, Wish};
use super::outcome::{State, Totals};
use super::prune::Pruning;
use super::remote::Remote;
use super::report::PlanTotals;
use super::target;
use crate::companion::is_companion_tag;
use crate::error::Error;

/// How many images are looked at at once.
const AT_ONCE: usize = 8;

/// What is known so far.
pub(super) struct Survey<'a> {
    store: &'a Store,
    platforms: Platforms,
    watch: &'a Watch,
    /// How many images have been looked at, and how many there are.
    examined: AtomicU64,
    known: AtomicU64,
    pub(super) images: Vec<Image>,
    /// Tags of the store that images have come upon, those of signatures included.
    covered: HashSet<(RepoName, Tag)>,
    /// All blobs that are needed: how large, and whether they are here.
    blobs: HashMap<Digest, (u64, bool)>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(store: &'a Store, platforms: Platforms, watch: &'a Watch) -> Self {
        Self {
            store,
            platforms,
            watch,
            examined: AtomicU64::new(0),
            known: AtomicU64::new(0),
            images: Vec::new(),
            covered: HashSet::new(),
            blobs: HashMap::new(),
        }
    }

    /// Looks at all that is wished for.
    ///
    /// # Errors
    /// The store's own.
    pub(super) async fn run(&mut self, placed: &[(Wish, Arc<Remote>)]) -> Result<(), Arc<Error>> {
        let targets = self.targets(placed).await?;
        self.examine(targets).await?;
        let targets = self.left_behind(placed).await;
        self.examine(targets).await
    }

    /// Everything that is wished for, each once.
    async fn targets(&mut self, placed: &[(Wish, Arc<Remote>)]) -> Result<Vec<Target>, Arc<Error>> {
        let mut asked = Vec::with_capacity(placed.len());
        for (wish, remote) in placed {
            asked.push(async move { Ok(target::targets(wish, remote).await) });
        }
        let found = crowd::all::<_, _, Arc<Error>>(AT_ONCE, asked).await?;
        let mut seen = HashSet::new();
        let mut targets = Vec::new();
        for ((wish, remote), found) in placed.iter().zip(found) {
            match found {
                Ok(found) => targets.extend(
                    found
                        .into_iter()
                        .filter(|target| seen.insert((target.source(), target.destination()))),
                ),
                Err(failure) => self.images.push(target::unfounded(wish, remote, &failure)),
            }
        }
        Ok(targets)
    }

    /// Where everything is wished for: the signatures and lists of referrers that no image has come upon.
    async fn left_behind(&self, placed: &[(Wish, Arc<Remote>)]) -> Vec<Target> {
        let mut targets = Vec::new();
        for (wish, remote) in placed {
            if wish.selection != Selection::All {
                continue;
            }
            // Whoever needed the list has said that it cannot be had.
            let Ok(tags) = remote.tags().await else {
                continue;
            };
            for tag in tags.iter().filter(|tag| is_companion_tag(tag)) {
                if !self.covered.contains(&(wish.local.clone(), tag.clone())) {
                    targets.push(Target {
                        remote: Arc::clone(remote),
                        local: wish.local.clone(),
                        reference: Reference::Tag(tag.clone()),
                        tag: Some(tag.clone()),
                        also: Vec::new(),
                        set: None,
                        is_optional: wish.is_optional,
                    });
                }
            }
        }
        targets
    }

    /// Finds out what each target is.
    async fn examine(&mut self, targets: Vec<Target>) -> Result<(), Arc<Error>> {
        self.known
            .fetch_add(targets.len() as u64, Ordering::Relaxed);
        let mut finds = Vec::with_capacity(targets.len());
        for target in &targets {
            finds.push(self.find(target));
        }
        let found = crowd::all(AT_ONCE, finds).await?;
        for (target, found) in targets.into_iter().zip(found) {
            self.take(target, found);
        }
        Ok(())
    }

    /// Finds out what a target is; what fails is the end of everything only if it is the store's.
    async fn find(&self, target: &Target) -> Result<Result<Found, Failure>, Arc<Error>> {
        let found = find(self.store, target, &self.platforms).await;
        let done = self.examined.fetch_add(1, Ordering::Relaxed) + 1;
        let of = self.known.load(Ordering::Relaxed);
        self.watch.tell(Event::Examined { done, of });
        match found.as_ref().err().and_then(Failure::fatal) {
            Some(fatal) => Err(fatal),
            None => Ok(found),
        }
    }

    fn take(&mut self, target: Target, found: Result<Found, Failure>) {
        let (source, destination) = (target.source(), target.destination());
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                let failed = Image::failed(source, destination, Some(target), &failure);
                return self.images.push(failed);
            }
        };
        for need in &found.needs {
            self.blobs.insert(need.blob, (need.size, need.is_here));
        }
        let tags = found.nodes.iter().flat_map(|node| &node.tags);
        self.covered
            .extend(tags.map(|tag| (target.local.clone(), tag.clone())));
        let (bytes_to_fetch, bytes_here) = (found.bytes(false), found.bytes(true));
        let is_here = found.state == State::Unchanged;
        self.images.push(Image {
            source,
            destination,
            target: Some(target),
            digest: Some(found.digest),
            state: found.state,
            because: None,
            nodes: if is_here { Vec::new() } else { found.nodes },
            needs: if is_here { Vec::new() } else { found.needs },
            bytes_to_fetch,
            bytes_here,
        });
    }

    /// Whether what an upstream does not have is a failure: not where it may be missing, nor where it
    /// goes here for that very reason.
    pub(super) fn judge_missing(&mut self, skip_missing: bool, prunings: &[Pruning]) {
        let going: HashSet<_> = prunings.iter().flat_map(Pruning::names).collect();
        for image in &mut self.images {
            let target = image.target.as_ref();
            let is_optional = target.is_some_and(|target| target.is_optional);
            let is_fine = skip_missing || is_optional || going.contains(&image.destination);
            if image.state == State::Missing && !is_fine {
                image.state = State::Failed;
            }
        }
    }

    /// All of it in numbers.
    pub(super) fn totals(&self) -> PlanTotals {
        let counted = Totals::count(self.images.iter().map(|image| image.state));
        let bytes = |here| {
            let sizes = self.blobs.values().filter(|(_, is_here)| *is_here == here);
            sizes.map(|(size, _)| *size).fold(0, u64::saturating_add)
        };
        PlanTotals {
            images: counted.images,
            copy: counted.copied,
            unchanged: counted.unchanged,
            skipped: counted.skipped,
            failed: counted.failed,
            bytes_to_fetch: bytes(false),
            bytes_here: bytes(true),
        }
    }
}
