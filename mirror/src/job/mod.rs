//! Copying jobs: what commands and schedules bring from other registries, planned first and then
//! carried out.
//!
//! An [`Order`] says what is wanted, a [`Plan`] what that is and what of it is not here, an [`Outcome`]
//! what became of it. Knows neither the command line nor the configuration. Invariant: a tag names
//! nothing before all that it needs is here, signatures included.

mod blobs;
mod carry_out;
mod choice;
mod companion;
mod crowd;
mod event;
pub(crate) mod failure;
mod find;
mod graph;
pub(crate) mod holding;
mod image;
mod order;
mod outcome;
mod plan;
mod prune;
mod remote;
mod report;
mod select;
mod source;
mod survey;
mod target;

pub use self::event::{Event, Watch};
pub use self::order::{
    InvalidPlatform, Lost, Order, Place, Platforms, Registry, Selection, Set, WantedPlatform, Wish,
};
pub use self::outcome::{CutShort, ImageOutcome, NotPruned, Outcome, State, Totals};
pub use self::plan::Plan;
pub use self::report::{PlanTotals, PlannedImage, Report};
pub use self::select::{InvalidPattern, TagPattern};
pub use self::source::{InvalidSource, SourceRef};
