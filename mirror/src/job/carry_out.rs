//! Carries a plan out: blobs, then the manifests that need them, then tags.
//!
//! Images come side by side, and each is complete when its tag names it. Invariant: what fails costs the
//! images that need it and no others; when the job is cut short, what has come stays, and nothing names
//! what is not here.

use std::sync::{Arc, Mutex, PoisonError};

use roadstead_storage::oci::{Digest, Manifest, RepoName};
use roadstead_storage::{Origin, Put, Repo, Store};
use tokio::time::Instant;
use tracing::{debug, info};

use super::blobs::Blobs;
use super::crowd;
use super::event::{Event, Watch};
use super::failure::{Failure, in_words};
use super::holding;
use super::image::{Image, Node, Target};
use super::outcome::{CutShort, ImageOutcome, NotPruned, Outcome, State, Totals};
use super::plan::Plan;
use super::prune::Pruning;
use crate::error::Error;

/// How many images are copied at once.
const AT_ONCE: usize = 8;
/// How many blobs of one image are seen to at once.
const BLOBS_AT_ONCE: usize = 8;

/// A plan that is being carried out.
struct Work<'a> {
    plan: &'a Plan,
    store: &'a Store,
    watch: &'a Watch,
    blobs: Blobs<'a>,
    done: Mutex<Done>,
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Done {
    /// For each image of the plan, how it stands, once it does.
    images: Vec<Option<(State, Option<String>)>>,
    pruned: Vec<String>,
    not_pruned: Vec<NotPruned>,
}

impl Plan {
    /// Does what it says, until `stop`. A job that was cut short goes on when it is planned and carried
    /// out again.
    ///
    /// # Cancel safety
    /// Dropped, it is as if it had been stopped, but nobody is told what was done.
    pub async fn carry_out(
        self,
        store: &Store,
        watch: &Watch,
        stop: impl Future<Output = ()> + Send,
    ) -> Outcome {
        let began = Instant::now();
        watch.tell(Event::Planned {
            images: self.totals.copy,
            bytes: self.totals.bytes_to_fetch,
        });
        let work = Work {
            plan: &self,
            store,
            watch,
            blobs: Blobs::new(store, watch),
            done: Mutex::new(Done {
                images: vec![None; self.images.len()],
                ..Done::default()
            }),
        };
        let cut_short = tokio::select! {
            biased;
            () = stop => Some(CutShort::Stopped),
            all = work.all() => all.err().map(|error| CutShort::Failed {
                because: in_words(&*error),
            }),
        };
        let mut outcome = work.outcome(cut_short);
        outcome.totals.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        outcome
    }
}

/// Whether an image names others, and comes only when they are here.
fn is_head(image: &Image) -> bool {
    image.set().is_some_and(|set| set.is_head)
}

impl Work<'_> {
    async fn all(&self) -> Result<(), Arc<Error>> {
        let images = self.plan.images.iter().enumerate();
        let (heads, others): (Vec<_>, Vec<_>) = images.partition(|(_, image)| is_head(image));
        let settle = |images: Vec<_>| {
            let mut copies = Vec::with_capacity(images.len());
            for (place, image) in images {
                copies.push(self.settle(place, image));
            }
            crowd::all(AT_ONCE, copies)
        };
        settle(others).await?;
        let is_whole = |(_, head): &(usize, &Image)| self.missing_for(head) == 0;
        let (whole, others): (Vec<_>, Vec<_>) = heads.into_iter().partition(is_whole);
        settle(whole).await?;
        for (place, head) in others {
            self.leave(place, head);
        }
        for pruning in &self.plan.prunings {
            self.prune(pruning).await;
        }
        Ok(())
    }

    /// Brings an image to its end, and notes which that is.
    async fn settle(&self, place: usize, image: &Image) -> Result<(), Arc<Error>> {
        let (mut state, mut because) = (image.state, image.because.clone());
        if image.is_to_come()
            && let Err(failure) = self.copy(image).await
        {
            if let Some(fatal) = failure.fatal() {
                return Err(fatal);
            }
            (state, because) = (State::Failed, Some(failure.because()));
        }
        debug!(image = %image.source, ?state, because, "Came to the end of an image");
        self.done().images[place] = Some((state, because));
        self.watch.tell(Event::ImageDone {
            source: image.source.clone(),
            state,
        });
        Ok(())
    }

    /// How many of those that an image names did not come.
    fn missing_for(&self, head: &Image) -> usize {
        let set = head.set().map(|set| set.number);
        let done = self.done();
        let states = self.plan.images.iter().zip(&done.images);
        let of_set = states.filter(|(image, _)| image.set().map(|set| set.number) == set);
        let missing = of_set.filter(|(_, done)| matches!(done, Some((State::Failed, _))));
        missing.count()
    }

    /// Notes that an image does not come, since it would name what is missing.
    fn leave(&self, place: usize, head: &Image) {
        let missing = self.missing_for(head);
        let because = format!("{missing} of what it needs could not be copied");
        let settled = match head.state {
            State::Changed | State::New => (State::Left, Some(because)),
            state => (state, head.because.clone()),
        };
        self.watch.tell(Event::ImageDone {
            source: head.source.clone(),
            state: settled.0,
        });
        self.done().images[place] = Some(settled);
    }

    async fn copy(&self, image: &Image) -> Result<(), Failure> {
        let Some(target) = &image.target else {
            return Ok(());
        };
        // Where people look for it, it appears last.
        for place in &target.also {
            self.bring(image, target, &place.repository).await?;
            let repo = self.store.repo(&place.repository);
            let top = image.nodes.len() - 1;
            for (at, node) in image.nodes.iter().enumerate() {
                self.put(&repo, &node.at(place, at == top)).await?;
            }
        }
        self.bring(image, target, &target.local).await?;
        let repo = self.store.repo(&target.local);
        for node in &image.nodes {
            self.put(&repo, node).await?;
        }
        Ok(())
    }

    /// Brings the blobs of an image into a repository.
    async fn bring(&self, image: &Image, target: &Target, local: &RepoName) -> Result<(), Failure> {
        let mut blobs = Vec::with_capacity(image.needs.len());
        for need in &image.needs {
            blobs.push(self.blobs.ensure(*need, &target.remote, local));
        }
        crowd::all(BLOBS_AT_ONCE, blobs).await.map(drop)
    }

    async fn put(&self, repo: &Repo, node: &Node) -> Result<(), Failure> {
        // Another image of this job may share it.
        if node.tags.is_empty() && holding::stays(repo, node.digest).await? {
            return Ok(());
        }
        let put = Put {
            manifest: Manifest::clone(&node.manifest),
            digest: node.digest,
            tags: node.tags.clone(),
            origin: Origin::Mirrored,
            by: self.plan.by.clone(),
        };
        let outcome = repo.put_manifest(put).await?;
        let (by, repo, to) = (&self.plan.by, repo.name(), node.digest);
        for (tag, from) in outcome.tags {
            match from {
                Some(from) if from == to => {}
                Some(from) => {
                    info!(target: "audit", %by, %repo, %tag, %from, %to, "Moved a tag");
                }
                None => info!(target: "audit", %by, %repo, %tag, digest = %to, "Mirrored a tag"),
            }
        }
        Ok(())
    }

    async fn prune(&self, pruning: &Pruning) {
        let here = |image: &&Image| {
            let local = image.target.as_ref().map(|target| &target.local);
            local == Some(pruning.repository())
        };
        let images = self.plan.images.iter().filter(here);
        let kept: Vec<Digest> = images.filter_map(|image| image.digest).collect();
        let note = |name| self.done().pruned.push(name);
        if let Err(failure) = pruning
            .carry_out(self.store, &self.plan.by, kept, note)
            .await
        {
            self.done().not_pruned.push(NotPruned {
                repository: pruning.repository().to_string(),
                because: failure.because(),
            });
        }
    }

    fn outcome(&self, cut_short: Option<CutShort>) -> Outcome {
        let done = std::mem::take(&mut *self.done());
        let settled = self.plan.images.iter().zip(done.images);
        let images: Vec<_> = settled
            .map(|(image, settled)| {
                let (state, because) = settled.unwrap_or_else(|| {
                    if image.is_to_come() {
                        (State::Left, None)
                    } else {
                        (image.state, image.because.clone())
                    }
                });
                ImageOutcome {
                    source: image.source.clone(),
                    destination: image.destination.clone(),
                    digest: image.digest,
                    state,
                    because,
                }
            })
            .collect();
        let mut not_pruned = self.plan.not_pruned.clone();
        not_pruned.extend(done.not_pruned);
        Outcome {
            totals: Totals {
                bytes_fetched: self.blobs.fetched(),
                bytes_saved: self.plan.totals.bytes_here,
                ..Totals::count(images.iter().map(|image| image.state))
            },
            images,
            pruned: done.pruned,
            not_pruned,
            cut_short,
        }
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
