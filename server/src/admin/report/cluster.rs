//! What the commands `cluster ...` have to tell that is no document of a cluster.

use serde::{Deserialize, Serialize};

/// An account for nodes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PullAccount {
    /// Whether it was there already, with another password.
    pub(crate) was_there: bool,
}
