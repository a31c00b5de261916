//! What is measured, row by row.

mod beside;
mod blobs;
mod cold;
mod images;
mod manifests;
mod pushes;

use crate::fleet::Fleet;
use crate::row::Bench;

/// Measures every row that was asked for.
pub(crate) fn run(bench: &mut Bench<'_>, fleet: &mut Fleet) {
    manifests::run(bench, fleet);
    blobs::run(bench, fleet);
    beside::run(bench, fleet);
    pushes::run(bench, fleet);
    images::run(bench, fleet);
    cold::run(bench, fleet);
}
