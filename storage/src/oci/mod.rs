//! The vocabulary of the OCI specifications: digests, names, references, descriptors, manifests.
//!
//! Ground floor: everything that comes from outside is parsed here once, into types that cannot be
//! wrong. Imports nothing of the rest of this crate and knows neither files nor HTTP.

mod descriptor;
mod digest;
mod error;
mod json;
mod manifest;
mod media_type;
mod name;
mod reference;

pub use descriptor::{Descriptor, Platform};
pub(crate) use digest::HasherState;
pub use digest::{Algorithm, Digest, Hasher};
pub use error::{
    InvalidAlgorithm, InvalidDigest, InvalidManifest, InvalidMediaType, InvalidName,
    InvalidReference, InvalidTag,
};
pub use manifest::{MAX_MANIFEST, Manifest};
pub use media_type::MediaType;
pub use name::{RepoName, Tag};
pub use reference::Reference;
