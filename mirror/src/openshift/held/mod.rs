//! The releases that the store holds, whoever brought them: found from their content alone.
//!
//! `wanted` reads how one is named, `find` looks for them, `release` is what is known of one,
//! `verify` reads all of it again, `remove` takes it away. Invariant: nothing is believed of a release
//! that its image does not say, but where it came from, which nothing else knows.

mod error;
mod find;
mod image;
mod note;
mod place;
mod release;
mod remove;
mod verify;
mod wanted;

pub use self::error::Error;
pub use self::find::{releases, resolve};
pub use self::image::{Image, ImageConfig};
pub use self::note::Note;
pub use self::release::HeldRelease;
pub use self::remove::{Removal, remove};
pub use self::verify::{Verified, VerifiedImage, verify};
pub use self::wanted::{HeldRef, InvalidHeldRef};
