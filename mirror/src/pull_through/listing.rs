//! What there is: what the store holds, together with what the upstream lists.
//!
//! A list of a moment ago is good for as long as what a tag names. Where the upstream does not answer,
//! what is held is the list, and it is said that there may be more.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::{Descriptor, Digest, Reference, Tag};
use tokio::time::timeout;

use super::recent::Recent;
use super::{Place, PullThrough, Stale, local};
use crate::client::Patience;
use crate::error::Error;
use crate::note::{Cause, How, What};

/// What there is of something.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// Sorted, each once.
    pub entries: Vec<T>,
    /// Set when the upstream may have more.
    pub stale: Option<Stale>,
}

impl PullThrough {
    /// The tags of a repository, here and at the upstream; `None` when neither knows the repository.
    ///
    /// # Errors
    /// What keeps the upstream from answering when nothing is held, and the store's.
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn tags(&self, place: &Place) -> Result<Option<Listing<Tag>>, Arc<Error>> {
        let held = self.store.repo(&place.local).tags().await.map_err(local)?;
        let client = self.client.because(Cause::Listing);
        let remote = place.remote.clone();
        let ask = || async move { client.tags(&remote, Patience::Request).await };
        let key = place.local.clone();
        let listed = self.listed(&self.tags, key, held.is_some(), ask).await;
        let (listed, stale) = match listed {
            Ok(listed) => listed,
            Err(error) if error.is_not_found() => match held {
                Some(held) => return Ok(Some(Listing::of(held))),
                None => return Ok(None),
            },
            Err(error) => return Err(error),
        };
        let held = held.into_iter().flatten();
        let all: BTreeSet<_> = held.chain(listed.iter().cloned()).collect();
        Ok(Some(Listing {
            entries: all.into_iter().collect(),
            stale,
        }))
    }

    /// The manifests that refer to `subject`, here and at the upstream. Those that only the upstream has
    /// are on their way then.
    ///
    /// # Errors
    /// What keeps the upstream from answering when the subject is not held, and the store's.
    ///
    /// # Cancel safety
    /// Dropped, what was begun goes on.
    pub async fn referrers(
        self: &Arc<Self>,
        place: &Place,
        subject: Digest,
    ) -> Result<Listing<Descriptor>, Arc<Error>> {
        let repo = self.store.repo(&place.local);
        let held = repo.referrers(subject).await.map_err(local)?;
        let reference = Reference::Digest(subject);
        let is_held = !held.is_empty()
            || repo
                .manifest_record(&reference)
                .await
                .map_err(local)?
                .is_some();
        let client = self.client.because(Cause::Listing);
        let remote = place.remote.clone();
        let ask = || async move { client.referrers(&remote, subject, Patience::Request).await };
        let key = (place.local.clone(), subject);
        let (listed, stale) = self.listed(&self.referrers, key, is_held, ask).await?;
        let mut all: BTreeMap<_, _> = held.into_iter().map(|one| (one.digest, one)).collect();
        let news = listed.iter().filter(|one| !all.contains_key(&one.digest));
        let news: Vec<_> = news.cloned().collect();
        if stale.is_none() && !news.is_empty() {
            self.bring_referrers(place, news.clone());
        }
        all.extend(news.into_iter().map(|one| (one.digest, one)));
        Ok(Listing {
            entries: all.into_values().collect(),
            stale,
        })
    }

    /// What the upstream lists, now or a moment ago; nothing, and why, where it does not answer and
    /// what is held would do.
    async fn listed<K, T, F>(
        &self,
        recent: &Recent<K, T>,
        key: K,
        is_held: bool,
        ask: impl FnOnce() -> F,
    ) -> Result<(Arc<[T]>, Option<Stale>), Arc<Error>>
    where
        K: Clone + Eq + Hash + Send + 'static,
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<T>, Error>> + Send + 'static,
    {
        if let Some(listed) = recent.held(&key) {
            self.tell_served(What::Listing, How::Hit);
            return Ok((listed, None));
        }
        let asked = async {
            let asked = recent.ask(&self.spawn, key, ask).await;
            asked.unwrap_or_else(|| Err(local(StoreError::FetchInterrupted)))
        };
        let asked = if is_held {
            timeout(self.patience(), asked).await.ok()
        } else {
            Some(asked.await)
        };
        if let Some(asked) = &asked {
            self.doubt(asked.as_ref().err().map(Arc::as_ref));
        }
        match asked {
            Some(Ok(listed)) => {
                self.tell_served(What::Listing, How::Miss);
                Ok((listed, None))
            }
            Some(Err(error)) if !is_held || error.is_not_found() => {
                self.tell_served(What::Listing, How::Failed);
                Err(error)
            }
            failed => {
                let because = failed.and_then(Result::err);
                let stale = Stale {
                    checked_at: None,
                    because,
                };
                self.tell_stale(What::Listing, &stale);
                Ok((Arc::default(), Some(stale)))
            }
        }
    }
}

impl<T> Listing<T> {
    fn of(entries: Vec<T>) -> Self {
        Self {
            entries,
            stale: None,
        }
    }
}
