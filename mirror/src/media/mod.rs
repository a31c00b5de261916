//! Images on media: the trees of files that `oc` writes and reads (`oc image mirror`, `oc adm release
//! mirror --to-dir`), brought into the store and out of it.
//!
//! Owns what such a tree looks like. Reaches its files only by a [`Tree`], so that it knows nothing of
//! whose they are. Invariant: nothing that is read there is believed before it was hashed, and nothing
//! is named, there or here, before all that it needs is there.

mod config_map;
mod export;
mod failure;
mod graph;
mod import;
mod name;
mod survey;
mod tree;

pub use self::export::{ExportOutcome, ExportPlan, ExportReport, Selected};
pub use self::failure::Error;
pub use self::import::{ImportOutcome, ImportPlan, ImportReport};
pub use self::survey::Refused;
pub use self::tree::{Entry, Kind, LONGEST, Tree};
