//! What a job would do: every image, what of it is not here, and which tags would go.
//!
//! Changes nothing. Invariant: an upstream that fails costs the images that it has, and no others; only
//! the store's own failure is the end of planning.

use std::sync::Arc;

use roadstead_storage::{Principal, Store};

use super::event::Watch;
use super::image::Image;
use super::order::{Order, Wish};
use super::outcome::NotPruned;
use super::prune::{self, Pruning};
use super::remote::{Remote, Remotes};
use super::report::{PlanTotals, PlannedImage, Report};
use super::survey::Survey;
use super::target;
use crate::error::Error;

/// What a job would do.
#[derive(Debug)]
pub struct Plan {
    pub(super) images: Vec<Image>,
    pub(super) prunings: Vec<Pruning>,
    pub(super) not_pruned: Vec<NotPruned>,
    pub(super) totals: PlanTotals,
    pub(super) by: Principal,
}

impl Plan {
    /// Finds out what an order comes to.
    ///
    /// # Errors
    /// [`Error::Store`], when the store cannot be read. What upstreams fail at is in the plan.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn make(store: &Store, order: Order, watch: &Watch) -> Result<Self, Arc<Error>> {
        let mut survey = Survey::new(store, order.platforms, watch);
        survey
            .images
            .extend(order.lost.into_iter().map(Image::lost));
        let mut wishes = order.wishes;
        for registry in &order.registries {
            let (found, failed) = target::wishes(registry).await;
            wishes.extend(found);
            survey.images.extend(failed);
        }
        let mut remotes = Remotes::default();
        let placed: Vec<(Wish, Arc<Remote>)> = wishes
            .into_iter()
            .map(|wish| {
                let remote = remotes.of(&wish.client, &wish.remote);
                (wish, remote)
            })
            .collect();
        survey.run(&placed).await?;
        let (prunings, not_pruned) = if order.prune {
            prune::plan(store, &placed).await?
        } else {
            (Vec::new(), Vec::new())
        };
        survey.judge_missing(order.skip_missing, &prunings);
        Ok(Self {
            totals: survey.totals(),
            images: survey.images,
            prunings,
            not_pruned,
            by: order.by,
        })
    }

    /// What it comes to.
    pub fn report(&self) -> Report {
        let images = self.images.iter().map(|image| PlannedImage {
            source: image.source.clone(),
            destination: image.destination.clone(),
            digest: image.digest,
            state: image.state,
            because: image.because.clone(),
            bytes_to_fetch: image.bytes_to_fetch,
            bytes_here: image.bytes_here,
        });
        let prune = self.prunings.iter().flat_map(Pruning::names);
        Report {
            images: images.collect(),
            prune: prune.collect(),
            not_pruned: self.not_pruned.clone(),
            totals: self.totals,
        }
    }
}
