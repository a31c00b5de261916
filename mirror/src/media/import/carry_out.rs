//! Carries an import out: blobs, then the manifests that need them, then tags.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use roadstead_storage::oci::{Digest, Manifest, Reference, RepoName, Tag};
use roadstead_storage::{Origin, Principal, Put, Store};
use tokio::time::Instant;
use tracing::{debug, info};

use super::blob::Blobs;
use super::plan::ImportPlan;
use super::{Image, ImportOutcome, Order};
use crate::job::failure::in_words;
use crate::job::{CutShort, Event, ImageOutcome, Outcome, State, Totals, Watch};
use crate::media::failure::{Error, Failure};
use crate::media::graph::Node;
use crate::media::survey::Refused;
use crate::media::tree::Tree;
use crate::openshift::{Content, ReadError, payload_of};

/// How many images are seen to at once: one disk gives nothing faster to more.
const AT_ONCE: usize = 4;

/// An import that is being carried out.
struct Work<'a, T> {
    plan: &'a ImportPlan,
    store: &'a Store,
    watch: &'a Watch,
    by: &'a Principal,
    blobs: Blobs<'a, T>,
    /// For each image of the plan, how it stands, once it does.
    done: Mutex<Vec<Option<Settled>>>,
    /// How many signatures were kept, and which were not.
    signatures: Mutex<(u64, Vec<Refused>)>,
}

/// How an image stands, and why, where that needs saying.
type Settled = (State, Option<String>);

impl ImportPlan {
    /// Does what it says, until `stop`. One that was cut short goes on when it is planned and carried out
    /// again.
    ///
    /// # Cancel safety
    /// Dropped, it is as if it had been stopped, but nobody is told what was done.
    pub async fn carry_out(
        self,
        store: &Store,
        tree: &impl Tree,
        by: &Principal,
        watch: &Watch,
        stop: impl Future<Output = ()> + Send,
    ) -> ImportOutcome {
        let began = Instant::now();
        watch.tell(Event::Planned {
            images: self.totals.copy,
            bytes: self.totals.bytes_to_fetch,
        });
        let work = Work {
            plan: &self,
            store,
            watch,
            by,
            blobs: Blobs::new(store, tree, &self.survey, watch),
            done: Mutex::new(vec![None; self.images.len()]),
            signatures: Mutex::default(),
        };
        let cut_short = tokio::select! {
            biased;
            () = stop => Some(CutShort::Stopped),
            all = work.all() => all.err().map(|error| CutShort::Failed {
                because: in_words(&error),
            }),
        };
        let mut outcome = work.outcome(cut_short);
        let totals = &mut outcome.outcome.totals;
        totals.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        outcome
    }
}

impl<T: Tree> Work<'_, T> {
    async fn all(&self) -> Result<(), Error> {
        self.keep_signatures().await?;
        for kind in [Order::Companion, Order::Image, Order::Release] {
            let images = self.plan.images.iter().enumerate();
            let mut settled = Vec::new();
            for (place, image) in images.filter(|(_, image)| image.kind == kind) {
                settled.push(self.settle(place, image));
            }
            stream::iter(settled)
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    async fn keep_signatures(&self) -> Result<(), Error> {
        for (digest, signature) in &self.plan.signatures {
            let kept = self.store.keep_signature(*digest, signature.clone()).await;
            let refused = match kept {
                Ok(_) => None,
                Err(error) => Some(in_words(&Failure::from(error).or_end()?)),
            };
            let mut signatures = self
                .signatures
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match refused {
                None => signatures.0 += 1,
                Some(because) => signatures.1.push(Refused {
                    path: format!("the signature of {digest}"),
                    because,
                }),
            }
        }
        Ok(())
    }

    /// Brings an image to its end, and notes which that is.
    async fn settle(&self, place: usize, image: &Image) -> Result<(), Error> {
        let (mut state, mut because) = (image.state, image.because.clone());
        if image.is_to_come()
            && let Err(failure) = self.copy(image).await
        {
            (state, because) = (State::Failed, Some(in_words(&failure.or_end()?)));
        }
        debug!(image = %image.name, ?state, because, "Came to the end of an image");
        self.done()[place] = Some((state, because));
        self.watch.tell(Event::ImageDone {
            source: image.name.clone(),
            state,
        });
        Ok(())
    }

    async fn copy(&self, image: &Image) -> Result<(), Failure> {
        let Some((top, parts)) = image.nodes.split_last() else {
            return Ok(());
        };
        for need in &image.needs {
            self.blobs.ensure(*need, &image.repository).await?;
        }
        for part in parts {
            self.put(&image.repository, part, None).await?;
        }
        if image.kind == Order::Release {
            self.put(&image.repository, top, None).await?;
            self.check_release(image).await?;
        }
        self.put(&image.repository, top, image.tag.as_ref()).await
    }

    /// Looks whether all that a release names is here.
    async fn check_release(&self, release: &Image) -> Result<(), Failure> {
        let content = Content::Held(self.store.repo(&release.repository));
        let mut missing = Vec::new();
        for node in &release.nodes {
            if !node.manifest.media_type().is_image() {
                continue;
            }
            let payload = match payload_of(&content, &node.manifest).await {
                Ok(payload) => payload,
                // It has the label of a release, and is none.
                Err(ReadError::NoFile { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            for component in payload.components() {
                let digest = component.image().digest();
                if !self.has(&release.repository, digest).await? {
                    missing.push(digest);
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        match missing.first() {
            None => Ok(()),
            Some(first) => Err(Failure::NotWhole {
                missing: missing.len(),
                first: *first,
            }),
        }
    }

    /// Whether a manifest is in a repository, or in another one of the tree.
    async fn has(&self, repository: &RepoName, digest: Digest) -> Result<bool, Failure> {
        let reference = Reference::Digest(digest);
        let others = self.plan.survey.repositories.keys();
        for name in std::iter::once(repository).chain(others) {
            let record = self.store.repo(name).manifest_record(&reference).await?;
            if record.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn put(
        &self,
        repository: &RepoName,
        node: &Node,
        tag: Option<&Tag>,
    ) -> Result<(), Failure> {
        let put = Put {
            manifest: Manifest::clone(&node.manifest),
            digest: node.digest,
            tags: tag.cloned().into_iter().collect(),
            origin: Origin::Mirrored,
            by: self.by.clone(),
        };
        let outcome = self.store.repo(repository).put_manifest(put).await?;
        let (by, to) = (self.by, node.digest);
        for (tag, from) in outcome.tags {
            match from {
                Some(from) if from == to => {}
                Some(from) => {
                    info!(target: "audit", %by, repo = %repository, %tag, %from, %to, "Moved a tag");
                }
                None => {
                    info!(target: "audit", %by, repo = %repository, %tag, digest = %to, "Imported a tag");
                }
            }
        }
        Ok(())
    }

    fn outcome(&self, cut_short: Option<CutShort>) -> ImportOutcome {
        let done = std::mem::take(&mut *self.done());
        let settled = self.plan.images.iter().zip(done);
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
                    source: image.name.clone(),
                    destination: image.name.clone(),
                    digest: image.digest,
                    state,
                    because,
                }
            })
            .collect();
        let signatures = self
            .signatures
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let refused = self.plan.survey.refused.iter().chain(&signatures.1);
        ImportOutcome {
            signatures: signatures.0,
            refused: refused.cloned().collect(),
            outcome: Outcome {
                totals: Totals {
                    bytes_fetched: self.blobs.read(),
                    bytes_saved: self.plan.totals.bytes_here,
                    ..Totals::count(images.iter().map(|image| image.state))
                },
                images,
                cut_short,
                ..Outcome::default()
            },
        }
    }

    fn done(&self) -> MutexGuard<'_, Vec<Option<Settled>>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
