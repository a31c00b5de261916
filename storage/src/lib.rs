//! The store of Roadstead: OCI vocabulary, content-addressed blobs, repositories, uploads.
//!
//! The files below the data directory are the truth; the index is derived from them and may be lost.
//! What a call here acknowledges is on disk. Knows nothing of HTTP, of users, of other registries.
//!
//! Everything that touches files runs on tokio's blocking pool, so it must be called within a tokio
//! runtime; nothing here spawns tasks of its own.

mod backup;
mod blob;
mod breath;
mod cached;
mod capacity;
mod collect;
mod config;
mod disk;
mod error;
mod fetch;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod layout;
mod lease;
mod link;
mod lock;
pub mod oci;
mod open;
mod pool;
mod progress;
mod record;
mod rehash;
mod reindex;
mod repo;
mod repo_locks;
mod root;
mod scrub;
mod seal;
mod space;
mod store;
mod trim;
mod upload;
mod walk;
mod water;

pub use self::backup::BackedUp;
pub use self::blob::BlobReader;
pub use self::collect::Collected;
pub use self::config::{Clock, Config, ImmutableTags, InvalidPattern, KeepFree};
pub use self::disk::{Hook, Op};
pub use self::error::{Error, Limit};
pub use self::fetch::{Fetch, FetchReader, FetchWriter};
pub use self::progress::{Phase, Progress};
pub use self::record::{Origin, Principal, Timestamp};
pub use self::repo::{
    AtHand, Going, Holding, Prepared, Put, PutOutcome, Record, Removal, Repo, Stored, Summary,
    TagState, TagSummary, Target,
};
pub use self::scrub::{Affected, Defect, Lost, Outcome, Problem, ScrubOptions, Scrubbed};
pub use self::space::Usage;
pub use self::store::{Stat, Store};
pub use self::trim::Trimmed;
pub use self::upload::{Batch, Upload, UploadId};
