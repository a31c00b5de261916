//! One repository of an upstream, as one job sees it.
//!
//! Owns what the job has learned of it. Invariant: what was answered once is not asked again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};

use roadstead_storage::oci::{Descriptor, Digest, Manifest, Reference, RepoName, Tag};
use tokio::sync::{Mutex, OnceCell};

use super::failure::Failure;
use crate::client::{Client, Patience};

/// One repository of an upstream.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) client: Client,
    pub(super) repo: RepoName,
    tags: OnceCell<Result<BTreeSet<Tag>, Failure>>,
    /// The same, where it is short.
    few_tags: OnceCell<Option<BTreeSet<Tag>>>,
    manifests: PlainMutex<HashMap<Digest, Arc<OnceCell<Arc<Manifest>>>>>,
    /// Whether it has the API for referrers. Locked while the first question for them finds out.
    has_referrers: Mutex<Option<bool>>,
}

/// All repositories that a job deals with.
#[derive(Debug, Default)]
pub(super) struct Remotes(HashMap<(String, RepoName), Arc<Remote>>);

impl Remotes {
    /// The repository of this upstream.
    pub(super) fn of(&mut self, client: &Client, repo: &RepoName) -> Arc<Remote> {
        let key = (client.name().to_owned(), repo.clone());
        let remote = self.0.entry(key).or_insert_with(|| {
            Arc::new(Remote {
                client: client.clone(),
                repo: repo.clone(),
                tags: OnceCell::new(),
                few_tags: OnceCell::new(),
                manifests: PlainMutex::default(),
                has_referrers: Mutex::default(),
            })
        });
        Arc::clone(remote)
    }
}

impl Remote {
    /// As image references write it: `quay.io/team/app`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.client.name(), self.repo)
    }

    /// All its tags.
    pub(super) async fn tags(&self) -> Result<&BTreeSet<Tag>, Failure> {
        let list = || async {
            let tags = self.client.tags(&self.repo, Patience::Job).await?;
            Ok(tags.into_iter().collect())
        };
        let listed = self.tags.get_or_init(list).await;
        listed.as_ref().map_err(Clone::clone)
    }

    /// All its tags, where they are known or few; `None` where that takes many questions, or the list
    /// is not given.
    pub(super) async fn few_tags(&self) -> Option<&BTreeSet<Tag>> {
        if let Some(Ok(tags)) = self.tags.get() {
            return Some(tags);
        }
        let list = || async {
            let tags = self.client.few_tags(&self.repo, Patience::Job).await;
            tags.ok().flatten().map(|tags| tags.into_iter().collect())
        };
        self.few_tags.get_or_init(list).await.as_ref()
    }

    /// What a tag names, if the upstream says so.
    pub(super) async fn digest(&self, tag: &Tag) -> Result<Option<Digest>, Failure> {
        let reference = Reference::Tag(tag.clone());
        let asked = self
            .client
            .manifest_digest(&self.repo, &reference, Patience::Job);
        Ok(asked.await?)
    }

    /// The manifest that a tag names.
    pub(super) async fn named(&self, tag: &Tag) -> Result<(Digest, Arc<Manifest>), Failure> {
        let reference = Reference::Tag(tag.clone());
        let fetched = self.client.manifest(&self.repo, &reference, Patience::Job);
        let fetched = fetched.await?;
        let manifest = Arc::new(fetched.manifest);
        // Another tag, or a list, may name it too.
        let known = self.known(fetched.digest);
        let manifest = known.get_or_init(|| async { manifest }).await;
        Ok((fetched.digest, Arc::clone(manifest)))
    }

    /// The manifest with this digest.
    pub(super) async fn manifest(&self, digest: Digest) -> Result<Arc<Manifest>, Failure> {
        let known = self.known(digest);
        let fetch = || async {
            let reference = Reference::Digest(digest);
            let fetched = self.client.manifest(&self.repo, &reference, Patience::Job);
            Ok::<_, Failure>(Arc::new(fetched.await?.manifest))
        };
        known.get_or_try_init(fetch).await.cloned()
    }

    /// What refers to a manifest, as the API lists it; nothing where there is no such API.
    pub(super) async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Failure> {
        let mut has_referrers = self.has_referrers.lock().await;
        match *has_referrers {
            Some(false) => return Ok(Vec::new()),
            Some(true) => drop(has_referrers),
            None => {
                let listed = self.ask_for_referrers(subject).await?;
                *has_referrers = Some(listed.is_some());
                return Ok(listed.unwrap_or_default());
            }
        }
        Ok(self.ask_for_referrers(subject).await?.unwrap_or_default())
    }

    async fn ask_for_referrers(&self, subject: Digest) -> Result<Option<Vec<Descriptor>>, Failure> {
        let asked = self
            .client
            .listed_referrers(&self.repo, subject, Patience::Job);
        Ok(asked.await?)
    }

    fn known(&self, digest: Digest) -> Arc<OnceCell<Arc<Manifest>>> {
        let mut known = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(digest).or_default())
    }
}
