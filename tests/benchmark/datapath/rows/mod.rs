//! What is measured, row by row.

mod beside;
mod blobs;
mod cold;
mod images;
mod manifests;
mod pushes;

use crate::bench::Bench;
use crate::fleet::Fleet;
use crate::machine::Machine;

/// Measures every row that was asked for.
pub(crate) fn run(bench: &mut Bench<'_>, fleet: &Fleet, machine: &Machine) {
    manifests::run(bench, fleet);
    blobs::run(bench, fleet);
    beside::run(bench, fleet);
    pushes::run(bench, fleet, machine);
    images::run(bench, fleet, machine);
    cold::run(bench, fleet, machine);
}
