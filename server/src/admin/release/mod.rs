//! The commands about releases that are held: what they mean, and what is reported of them.
//!
//! [`tell`] lists and describes, [`check`] verifies and removes, [`extract`] hands out programs. Knows
//! nothing of how reports are printed. Invariant: an address that is not known is never guessed.

mod check;
mod error;
mod extract;
mod tell;
pub(crate) mod trust;
mod wanted;

use std::time::SystemTime;

use roadstead_mirror::openshift::held::HeldRelease;
use roadstead_storage::Store;

pub(in crate::admin) use self::error::Error;
pub(crate) use self::wanted::WantedTool;
use crate::config::address::Address;
use crate::upstreams::ReleaseTrust;

/// What these commands touch.
pub(in crate::admin) struct Releases<'a> {
    /// The store.
    pub(in crate::admin) store: &'a Store,
    /// How the registry is reached, where that is known.
    pub(in crate::admin) address: Option<Address>,
    /// Whose signatures count.
    pub(in crate::admin) trust: ReleaseTrust,
    /// What time it is.
    pub(in crate::admin) now: SystemTime,
}

impl Releases<'_> {
    /// Where clients find the release image, without its tag or digest; without the address where nobody
    /// knows that.
    fn place(&self, release: &HeldRelease) -> String {
        match &self.address {
            Some(address) => format!("{address}/{}", release.repository),
            None => release.repository.to_string(),
        }
    }
}
