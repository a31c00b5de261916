//! What whoever serves a manifest makes of it once and wants to have at hand with it, as ready headers.
//!
//! The store keeps it as long as it remembers the manifest, and knows neither what it is nor what it is
//! for. All who serve a store make the same of it.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, OnceLock};

/// A place for one thing; clones share it.
#[derive(Clone, Default)]
pub struct Prepared(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl Prepared {
    /// What lies there, made now if nothing does. It should take no more than a kilobyte, which is what
    /// is counted for it.
    ///
    /// # Panics
    /// When something of another type lies there.
    pub fn get_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        let there = self.0.get_or_init(|| Box::new(make()));
        let there = there.downcast_ref();
        there.expect("all who serve a store make the same of a manifest")
    }
}

impl Debug for Prepared {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("is_made", &self.0.get().is_some())
            .finish()
    }
}
