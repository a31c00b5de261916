//! The keys that a command line names, read by whoever gave the command.
//!
//! Invariant: those given stand in place of the one that is carried, never beside it.

use roadstead_mirror::openshift::signature::{InvalidKeys, Keyring};
use serde::{Deserialize, Serialize};

/// Public keys, as the files have them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct GivenKeys {
    /// What each file is called, and what is in it.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl GivenKeys {
    /// Those given, or the one that is carried if there are none.
    ///
    /// # Errors
    /// When a file is no key.
    pub(super) fn keyring(&self) -> Result<Keyring, InvalidKeys> {
        if self.files.is_empty() {
            Ok(Keyring::carried())
        } else {
            Keyring::parse(&self.files)
        }
    }
}
