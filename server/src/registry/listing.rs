//! Lists: tags, referrers, repositories. What upstreams list counts with what is held.

use std::sync::Arc;

use roadstead_mirror::Error as UpstreamError;
use roadstead_storage::oci::{Descriptor, Digest, RepoName, Tag};

use super::{Error, Listed, Registry};
use crate::auth::grant::{Grant, Listing, Pull};

/// Names read from the index at once while a page of the catalog is filled.
const CATALOG_BATCH: usize = 1000;

impl Registry {
    /// Up to `limit` tags after `after`.
    ///
    /// # Errors
    /// When the repository is unknown, and the store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn tags(
        &self,
        grant: &Grant<Pull>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<Tag>, Error> {
        let repo = grant.repo();
        let (tags, stale) = match self.filler(grant) {
            Some((upstream, place)) => {
                let listed = upstream.tags(&place).await.map_err(of_upstream)?;
                listed.map(|listed| (listed.entries, listed.stale))
            }
            None => self.store.repo(repo).tags().await?.map(|tags| (tags, None)),
        }
        .ok_or_else(|| Error::NameUnknown { repo: repo.clone() })?;
        let begin = after.map_or(0, |after| tags.partition_point(|tag| tag.as_str() <= after));
        let more = limit > 0 && tags.len() - begin > limit;
        let entries = tags.into_iter().skip(begin).take(limit).collect();
        Ok(Listed {
            entries,
            more,
            stale,
        })
    }

    /// Describes all manifests whose subject is `subject`; none for what is unknown.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn referrers(
        &self,
        grant: &Grant<Pull>,
        subject: Digest,
    ) -> Result<Listed<Descriptor>, Error> {
        let (entries, stale) = if let Some((upstream, place)) = self.filler(grant) {
            let listed = upstream.referrers(&place, subject).await;
            let listed = listed.map_err(of_upstream)?;
            (listed.entries, listed.stale)
        } else {
            let repo = self.store.repo(grant.repo());
            (repo.referrers(subject).await?, None)
        };
        Ok(Listed {
            entries,
            more: false,
            stale,
        })
    }

    /// Up to `limit` repositories after `after` that the listing shows.
    ///
    /// # Errors
    /// The store's; [`StoreError::IndexNotReady`] while the index is being rebuilt.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn catalog(
        &self,
        listing: &Listing,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<RepoName>, Error> {
        let mut entries: Vec<RepoName> = Vec::new();
        let mut after = after.map(str::to_owned);
        let mut exhausted = limit == 0;
        // One more than asked for tells whether there is more.
        while !exhausted && entries.len() <= limit {
            let batch = self
                .store
                .repositories(after.as_deref(), CATALOG_BATCH)
                .await?;
            exhausted = batch.is_empty();
            after = batch.last().map(RepoName::to_string);
            let shown = batch.into_iter().filter(|name| listing.shows(name));
            entries.extend(shown.take(limit + 1 - entries.len()));
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(Listed {
            entries,
            more,
            stale: None,
        })
    }
}

fn of_upstream(source: Arc<UpstreamError>) -> Error {
    Error::Upstream { source }
}
