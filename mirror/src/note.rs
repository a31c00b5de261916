//! What happens with an upstream, told as it happens to whoever counts it.
//!
//! Knows nothing of how it is counted. Invariant: a note names no repository and no credential.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

/// Something that happened with an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// It was asked something; logins and redirects on the way are not told.
    Asked {
        /// Why.
        cause: Cause,
        /// What came of it.
        reply: Reply,
    },
    /// It sent content.
    Received {
        /// How much.
        bytes: u64,
    },
    /// A client of ours asked for something of it.
    Served {
        /// For what.
        what: What,
        /// Where that came from.
        how: How,
    },
    /// Content was given that it did not have to send again.
    Saved {
        /// How much.
        bytes: u64,
    },
    /// Something was given without its word that it still holds.
    Stale {
        /// How long ago it last gave that.
        age: Duration,
    },
    /// It said how many more manifests it gives within its limit.
    Allowance {
        /// How many.
        left: u64,
    },
}

/// Why an upstream is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Signatures and whatever else refers to what was fetched.
    Companion,
    /// Whether a repository there has a blob that another one brought.
    Confirmation,
    /// A command or a schedule copies from it.
    Job,
    /// A client asked what there is.
    Listing,
    /// A client asked for what is not here.
    Miss,
    /// Something here was damaged.
    Repair,
    /// A tag may name something else by now.
    Revalidation,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reply {
    /// It answered.
    Answered,
    /// It has no such thing.
    NotFound,
    /// It refused: the login, the rate, the right.
    Refused,
    /// No answer, or one that it should not have given.
    Failed,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A blob.
    Blob,
    /// What there is: tags or referrers.
    Listing,
    /// A manifest by its digest.
    Manifest,
    /// A manifest by its tag.
    Tag,
}

/// Where that came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// Nowhere.
    Failed,
    /// It was here.
    Hit,
    /// Another client was having it fetched.
    Joined,
    /// It was fetched.
    Miss,
    /// It was here, and its upstream confirmed it.
    Revalidated,
    /// It was here, and nobody knows whether it still holds.
    Stale,
}

/// Where notes go; by default nowhere.
#[derive(Clone, Default)]
pub struct Notes(Option<Arc<dyn Fn(Note) + Send + Sync>>);

impl Notes {
    /// Tells `take`, which must not wait.
    pub fn new(take: impl Fn(Note) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }

    /// Tells what happened.
    pub fn tell(&self, note: Note) {
        if let Some(take) = &self.0 {
            take(note);
        }
    }
}

impl Debug for Notes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Notes")
    }
}
