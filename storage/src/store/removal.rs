//! Removing what lies in several repositories, and the names of all of these.
//!
//! Says who has to wait for whom; [`crate::repo`] knows what has to be done. Reads the files and not the
//! index, so that it works wherever the store is open.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Store;
use crate::error::Error;
use crate::oci::RepoName;
use crate::pool::blocking;
use crate::repo::{Files, Going, freed};
use crate::walk;

impl Store {
    /// The names of all repositories, in order, as the files have them.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn all_repositories(&self) -> Result<Vec<RepoName>, Error> {
        let shared = Arc::clone(&self.0.shared);
        blocking(move || {
            let mut names = walk::all_repositories(&shared.layout.repos())?;
            names.sort_unstable();
            Ok(names)
        })
        .await
    }

    /// Removes tags and manifests of several repositories, or, on a `dry_run`, only looks. Says how many
    /// bytes nothing needs any more then. What is not there has already gone.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a manifest that stays cannot be read, and then nothing was removed; and the
    /// file system's.
    ///
    /// # Cancel safety
    /// Each repository's part runs to its end once it holds that repository's lock; called again, it goes
    /// on with the others.
    pub async fn remove_several(
        &self,
        going: BTreeMap<RepoName, Going>,
        dry_run: bool,
    ) -> Result<u64, Error> {
        let shared = Arc::clone(&self.0.shared);
        let (going, freed) = blocking(move || {
            let names = walk::all_repositories(&shared.layout.repos())?;
            let all = names.into_iter();
            let all: Vec<_> = all
                .map(|name| Files::new(Arc::clone(&shared), name))
                .collect();
            let freed = freed(&all, &going)?;
            Ok::<_, Error>((going, freed))
        })
        .await?;
        if dry_run {
            return Ok(freed);
        }
        for (name, going) in going {
            let guard = self.0.shared.locks.lock(&name).await;
            let files = Files::new(Arc::clone(&self.0.shared), name);
            blocking(move || {
                let done = files.remove_several(&going);
                drop(guard);
                done
            })
            .await?;
        }
        Ok(freed)
    }
}
