//! One copy, from the order to the outcome.
//!
//! Whoever asked for it, it is planned, told of and stopped in the same way. Plans and copies are boxed,
//! for they hold much and are part of whatever waits for them. Knows nothing of commands and schedules.

use std::sync::Arc;

use roadstead_mirror::Error;
use roadstead_mirror::job::{CutShort, Order, Outcome, Plan, Report};
use roadstead_storage::Store;
use tokio_util::sync::CancellationToken;

use crate::jobs::progress::Progress;

/// Finds out what an order comes to, and copies nothing; nothing when it was stopped before that was
/// known.
///
/// # Errors
/// The store's.
///
/// # Cancel safety
/// Reads only.
pub(crate) async fn plan(
    store: &Store,
    order: Order,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Option<Report>, Arc<Error>> {
    let watch = progress.watch();
    let plan = stop.run_until_cancelled(Box::pin(Plan::make(store, order, &watch)));
    Ok(plan.await.transpose()?.map(|plan| plan.report()))
}

/// Copies what is ordered.
///
/// # Errors
/// The store's, as long as nothing is copied; later ones are part of the outcome.
///
/// # Cancel safety
/// What has arrived stays, and another copy goes on from there.
pub(crate) async fn copy(
    store: &Store,
    order: Order,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Outcome, Arc<Error>> {
    let watch = progress.watch();
    let plan = stop.run_until_cancelled(Box::pin(Plan::make(store, order, &watch)));
    let Some(plan) = plan.await.transpose()? else {
        return Ok(Outcome {
            cut_short: Some(CutShort::Stopped),
            ..Outcome::default()
        });
    };
    Ok(Box::pin(plan.carry_out(store, &watch, stop.cancelled())).await)
}
