//! How a job gets on, told as it happens.
//!
//! Knows nothing of how it is shown. Invariant: telling costs next to nothing and waits for nobody.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use super::outcome::State;

/// Something that happened in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// So many more bytes of blobs are here.
    Bytes(u64),
    /// So many of the images have been looked at while planning.
    Examined {
        /// Looked at so far.
        done: u64,
        /// Known so far.
        of: u64,
    },
    /// An image has come to its end, well or not.
    ImageDone {
        /// What it is at the upstream.
        source: String,
        /// What became of it.
        state: State,
    },
    /// All has been looked at, and copying begins.
    Planned {
        /// Images that are to be copied.
        images: u64,
        /// Bytes of blobs that have to be fetched for them.
        bytes: u64,
    },
}

/// Where events go; by default nowhere.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<dyn Fn(Event) + Send + Sync>>);

impl Watch {
    /// Tells `take`, which must not wait.
    pub fn new(take: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }

    pub(crate) fn tell(&self, event: Event) {
        if let Some(take) = &self.0 {
            take(event);
        }
    }
}

impl Debug for Watch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
