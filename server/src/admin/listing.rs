//! The names of all repositories, page by page.

use roadstead_storage::oci::RepoName;
use roadstead_storage::{Error, Store};

/// How many repositories are looked up at a time.
const PAGE: usize = 100;

/// All repositories, in byte order.
///
/// # Errors
/// [`Error::IndexNotReady`] until the index is built.
///
/// # Cancel safety
/// Reads only.
pub(super) async fn all_repositories(store: &Store) -> Result<Vec<RepoName>, Error> {
    let mut all: Vec<RepoName> = Vec::new();
    loop {
        let after = all.last().map(RepoName::as_str);
        let page = store.repositories(after, PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
