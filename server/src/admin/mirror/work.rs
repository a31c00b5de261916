//! One order of a command: planned or carried out while somebody looks on, and reported.
//!
//! Knows nothing of what is ordered.

use roadstead_mirror::job::{Order, Outcome};
use roadstead_storage::Store;

use super::error::Error;
use crate::admin::report::{About, Mirrored, Planned, Report};
use crate::admin::watch::Watch;
use crate::jobs::copy::{copy as carry_out, plan};
use crate::jobs::progress::Progress;
use crate::jobs::record::Ended;

/// Says what an order comes to.
pub(super) async fn planned(
    store: &Store,
    order: Order,
    about: About,
    watch: &Watch,
) -> Result<Report, Error> {
    let progress = Progress::default();
    let copies = [progress.clone()];
    let work = plan(store, order, &progress, &watch.stop);
    let plan = watch.look_on(&copies, work).await?;
    let plan = plan.ok_or(Error::Stopped)?;
    Ok(Report::Planned(Box::new(Planned {
        dry_run: true,
        about,
        plan,
    })))
}

/// Carries an order out, and says what became of it.
pub(super) async fn copied(
    store: &Store,
    order: Order,
    about: About,
    watch: &Watch,
) -> Result<Report, Error> {
    let outcome = copy(store, order, watch).await?;
    mirrored(outcome, about)
}

/// Carries an order out.
pub(super) async fn copy(store: &Store, order: Order, watch: &Watch) -> Result<Outcome, Error> {
    let progress = Progress::default();
    let copies = [progress.clone()];
    let work = carry_out(store, order, &progress, &watch.stop);
    Ok(watch.look_on(&copies, work).await?)
}

/// Says what became of an order, unless it was stopped.
pub(super) fn mirrored(outcome: Outcome, about: About) -> Result<Report, Error> {
    let mirrored = Mirrored::new(outcome, about);
    if mirrored.result == Ended::Stopped {
        return Err(Error::Stopped);
    }
    Ok(Report::Mirrored(Box::new(mirrored)))
}
