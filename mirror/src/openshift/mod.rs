//! What there is only in `OpenShift`: release payloads, their signatures, sample images.
//!
//! Stands on what fetches and stores images, and knows how a release names them. Knows nothing of
//! commands, nor of what a cluster is told.

mod arch;
mod content;
mod error;
pub mod held;
mod layout;
mod payload;
mod pullspec;
mod reference;
mod release;
mod rootfs;
mod samples;
pub mod signature;
pub mod tool;

pub use self::arch::{Arch, InvalidArch};
pub use self::content::Content;
pub use self::error::ReadError;
pub use self::layout::{Layout, component_tag, release_tag};
pub use self::payload::{Component, InvalidPayload, Payload};
pub use self::pullspec::{InvalidPullspec, Pullspec};
pub use self::reference::{InvalidRelease, ReleaseRef, ReleaseSource};
pub use self::release::{FindError, Release};
pub use self::rootfs::{FileInfo, file, files_below, image_of, payload_of};
pub use self::samples::{
    InvalidConfigMap, InvalidPlace, InvalidSamples, Streams, place as sample_place,
    rewrite as sample_rewritten,
};
