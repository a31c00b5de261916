//! Compares what the index lists with the repositories that are there.
//!
//! The index is derived, so whatever is wrong with it is no defect: it is built anew.

use tracing::warn;

use super::Scrub;
use crate::error::Error;
use crate::oci::RepoName;
use crate::repo::Shared;
use crate::walk;

/// How many names are listed at once.
const PAGE: usize = 1000;

impl Scrub<'_> {
    /// Has the index built anew when it does not list what is there, or lists what is not.
    pub(super) fn compare_index(&mut self) -> Result<(), Error> {
        let Shared {
            layout,
            blobs,
            index,
            locks,
            ..
        } = &**self.shared;
        let is_there = |name: &RepoName| walk::is_repository(layout.repo(name).dir());
        let is_wrong = |name: &RepoName| index.lists(name) == Some(!is_there(name));
        let mut doubtful: Vec<_> = self.repositories()?;
        doubtful.retain(is_wrong);
        let mut after = None;
        while let Some(page) = index.repositories(after.as_ref().map(RepoName::as_str), PAGE) {
            doubtful.extend(page.iter().filter(|name| !is_there(name)).cloned());
            after = page.last().cloned();
            if after.is_none() {
                break;
            }
        }
        if doubtful.is_empty() {
            return Ok(());
        }
        // A link shows on disk a moment before it is listed.
        blobs.leases().wait_for_holders();
        let is_wrong = doubtful.iter().any(|name| {
            let _guard = locks.blocking_lock_to_read(name);
            is_wrong(name)
        });
        if is_wrong {
            warn!("The index does not list what is there and will be rebuilt");
            index.distrust();
            self.report.tidied += 1;
        }
        Ok(())
    }
}
