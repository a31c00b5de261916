//! Uploads: the one way for bytes of a client to enter the store.
//!
//! A session is a directory `uploads/<id>/` with the bytes so far and a small record: whose it is, how
//! far it has come, and the hash of that much. Nothing of it is kept in memory between requests, so a
//! restart of the process changes nothing. The record is written twice: `state` after every request,
//! good as long as the machine runs, which the kernel's boot id tells; and `checkpoint`, synced now and
//! then after the bytes it speaks of. After a power cut the session goes on from its checkpoint; one
//! that had none yet is forgotten.
//!
//! Bytes go through a hasher on their way to the file, a batch at a time on the blocking pool; while
//! one batch is written the caller may fetch the next.

mod batch;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod ground;
mod handle;
mod id;
mod session;
mod sessions;
mod state;
mod verify;

pub use self::batch::Batch;
pub use self::handle::Upload;
pub use self::id::UploadId;
pub(crate) use self::sessions::Uploads;
