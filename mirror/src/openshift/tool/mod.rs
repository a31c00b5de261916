//! The programs that a release carries: where they lie in it, and what is written into them.
//!
//! Knows files as something to read, write and seek in, and nothing of images or of where a program
//! goes. Invariant: the length of a program never changes, and no program is held in memory.

mod macho;
mod marker;
mod search;
mod table;

pub use self::macho::{MachoError, Signed, sign_again};
pub use self::marker::{Marker, PatchError, patch};
pub use self::table::{InvalidSystem, InvalidTool, Machine, Place, System, Tool};
