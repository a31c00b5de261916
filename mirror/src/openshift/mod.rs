//! What there is only in `OpenShift`: release payloads, their signatures, sample images.
//!
//! Stands on what fetches and stores images, and knows how a release names them. Knows nothing of
//! commands, nor of what a cluster is told.

mod arch;
mod layout;
mod payload;
mod pullspec;
mod reference;

pub use self::arch::{Arch, InvalidArch};
pub use self::layout::{Layout, component_tag, release_tag};
pub use self::payload::{Component, InvalidPayload, Payload};
pub use self::pullspec::{InvalidPullspec, Pullspec};
pub use self::reference::{InvalidRelease, ReleaseRef, ReleaseSource};
