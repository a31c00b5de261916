//! What there is only in `OpenShift`: release payloads, their signatures, sample images.
//!
//! Stands on what fetches and stores images, and knows how a release names them. Knows nothing of
//! commands, nor of what a cluster is told.

mod arch;
pub mod tool;

pub use self::arch::{Arch, InvalidArch};
