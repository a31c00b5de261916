//! Work that must go on when whoever asked for it is gone.
//!
//! Nothing in this crate spawns tasks of its own: it hands them to whoever runs it, who knows how to
//! drain them.

use std::fmt::{self, Debug, Formatter};
use std::pin::Pin;
use std::sync::Arc;

/// A piece of work that needs nobody to wait for it.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes work and sees to it that it is done, or, when the program is being stopped, drops it.
#[derive(Clone)]
pub struct Spawn(Arc<dyn Fn(Work) + Send + Sync>);

impl Spawn {
    /// Hands work to `take`.
    pub fn new(take: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        (self.0)(Box::pin(work));
    }
}

impl Debug for Spawn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Spawn")
    }
}
