//! What goes since the upstream no longer has it.
//!
//! Only tags that a job brought, only where the upstream's list of tags could be read to its end, and of
//! their manifests only what nothing else needs. Invariant: nothing that was pushed or pulled through
//! goes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use roadstead_storage::oci::{Digest, Manifest, Reference, RepoName, Tag};
use roadstead_storage::{Origin, Principal, Repo, Store};
use tracing::info;

use super::failure::Failure;
use super::order::{Selection, Wish};
use super::outcome::NotPruned;
use super::remote::Remote;
use crate::companion::{companion_tags, is_companion_tag};
use crate::error::Error;

/// The tags of a repository that are to go.
#[derive(Debug)]
pub(super) struct Pruning {
    local: RepoName,
    tags: Vec<Tag>,
}

/// Manifests and the tags that are made from their digests.
#[derive(Debug, Default)]
struct Reach {
    /// What lists or is referred to comes before what it needs.
    manifests: Vec<Digest>,
    companions: BTreeSet<Tag>,
}

/// Which tags are to go, and where nothing may, since nobody knows what the upstream has.
///
/// # Errors
/// The store's own.
///
/// # Cancel safety
/// Nothing is changed.
pub(super) async fn plan(
    store: &Store,
    placed: &[(Wish, Arc<Remote>)],
) -> Result<(Vec<Pruning>, Vec<NotPruned>), Arc<Error>> {
    let mut by_repository: BTreeMap<&RepoName, Vec<&(Wish, Arc<Remote>)>> = BTreeMap::new();
    for wish in placed {
        by_repository.entry(&wish.0.local).or_default().push(wish);
    }
    let (mut prunings, mut not_pruned) = (Vec::new(), Vec::new());
    for (local, wishes) in by_repository {
        match gone(&store.repo(local), &wishes).await {
            Ok(tags) if tags.is_empty() => {}
            Ok(tags) => prunings.push(Pruning {
                local: local.clone(),
                tags,
            }),
            Err(failure) => match failure.fatal() {
                Some(fatal) => return Err(fatal),
                None => not_pruned.push(NotPruned {
                    repository: local.to_string(),
                    because: failure.because(),
                }),
            },
        }
    }
    Ok((prunings, not_pruned))
}

/// The mirrored tags of a repository that are wished for and that the upstream does not have.
async fn gone(repo: &Repo, wishes: &[&(Wish, Arc<Remote>)]) -> Result<Vec<Tag>, Failure> {
    let mut tags = Vec::new();
    for tag in repo.tags().await?.unwrap_or_default() {
        let mut is_wanted = false;
        let mut is_there = false;
        for (wish, remote) in wishes {
            if let Some(name) = name_there(wish, &tag) {
                is_wanted = true;
                is_there |= remote.tags().await?.contains(name);
            }
        }
        if is_wanted && !is_there && is_mirrored(repo, &tag).await? {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// What the upstream calls a tag of the store, if it is one that is wished for.
fn name_there<'a>(wish: &'a Wish, tag: &'a Tag) -> Option<&'a Tag> {
    match &wish.selection {
        Selection::All => Some(tag),
        Selection::Digest(_) => None,
        // Signatures go with what they sign.
        Selection::Matching(pattern) => {
            (pattern.matches(tag) && !is_companion_tag(tag)).then_some(tag)
        }
        Selection::Tag(there) => (wish.tag.as_ref().unwrap_or(there) == tag).then_some(there),
    }
}

async fn is_mirrored(repo: &Repo, tag: &Tag) -> Result<bool, Failure> {
    let state = repo.tag(tag).await?;
    Ok(state.is_some_and(|state| state.origin == Origin::Mirrored))
}

impl Pruning {
    /// What is to go, as reports name it.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.tags.iter().map(|tag| format!("{}:{tag}", self.local))
    }

    /// Where.
    pub(super) fn repository(&self) -> &RepoName {
        &self.local
    }

    /// Removes the tags, and the manifests that only they needed. `kept` is what the job wants to stay.
    /// What went is named in `pruned`, whatever happens then.
    ///
    /// # Errors
    /// Where the store does not let it go.
    ///
    /// # Cancel safety
    /// Dropped, some of it is gone, tags before what they name.
    pub(super) async fn carry_out(
        &self,
        store: &Store,
        by: &Principal,
        kept: Vec<Digest>,
        mut pruned: impl FnMut(String),
    ) -> Result<(), Failure> {
        let repo = store.repo(&self.local);
        let mut roots = Vec::new();
        for tag in &self.tags {
            // It may have been pushed since.
            if is_mirrored(&repo, tag).await? {
                roots.extend(repo.tag(tag).await?.map(|state| state.digest));
            }
        }
        let doomed = reach(&repo, roots).await?;
        let mut kept = kept;
        for tag in repo.tags().await?.unwrap_or_default() {
            let mirrored = is_mirrored(&repo, &tag).await?;
            let goes = self.tags.contains(&tag) || doomed.companions.contains(&tag);
            if !(mirrored && goes) {
                kept.extend(repo.tag(&tag).await?.map(|state| state.digest));
            }
        }
        let kept = reach(&repo, kept).await?;
        let stays: HashSet<_> = kept.manifests.into_iter().collect();
        let companions = doomed.companions.difference(&kept.companions);
        for tag in self.tags.iter().chain(companions) {
            if is_mirrored(&repo, tag).await? && repo.delete_tag(tag).await? {
                info!(target: "audit", %by, repo = %self.local, %tag, "Pruned a tag");
                pruned(format!("{}:{tag}", self.local));
            }
        }
        for digest in doomed.manifests {
            let record = repo.manifest_record(&Reference::Digest(digest)).await?;
            let is_mirrored = record.is_some_and(|record| record.origin == Origin::Mirrored);
            if is_mirrored && !stays.contains(&digest) {
                repo.delete_manifest(digest).await?;
            }
        }
        Ok(())
    }
}

/// All that manifests of a repository list, and that belongs to it.
async fn reach(repo: &Repo, roots: Vec<Digest>) -> Result<Reach, Failure> {
    let mut reach = Reach::default();
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut pending = roots;
    while let Some(digest) = pending.pop() {
        if !seen.insert(digest) {
            continue;
        }
        let Some(stored) = repo.manifest(&Reference::Digest(digest)).await? else {
            continue;
        };
        reach.manifests.push(digest);
        let media_type = Some(stored.media_type.as_str());
        if let Ok(manifest) = Manifest::parse(media_type, stored.bytes) {
            pending.extend(manifest.children().iter().map(|child| child.digest));
        }
        let referrers = repo.referrers(digest).await?;
        pending.extend(referrers.iter().map(|referrer| referrer.digest));
        for tag in companion_tags(&digest) {
            if let Some(state) = repo.tag(&tag).await? {
                reach.companions.insert(tag);
                pending.push(state.digest);
            }
        }
    }
    Ok(reach)
}
