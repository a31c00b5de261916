//! Takes a release away, and leaves whatever something else needs.
//!
//! Owns what goes with a release: its tags, its components, their images and signatures, and the copies of
//! these under their upstreams' own names. Invariant: nothing goes that another release names, or that has
//! a tag of its own; and the release image goes last, so that what was stopped half-way can be gone on with.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_storage::oci::{Digest, Reference, RepoName, Tag};
use roadstead_storage::{Error as StoreError, Going, Origin, Repo, Store};

use super::error::Error;
use super::find::releases;
use super::image::manifest;
use super::note::Note;
use super::place::is_upstreams_own;
use super::release::HeldRelease;
use crate::openshift::layout::{component_tag, release_tag};
use crate::openshift::payload::Payload;
use crate::openshift::reference::ReleaseSource;

/// What goes, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// From each repository.
    pub from: BTreeMap<RepoName, Going>,
    /// Components that stay, because something else needs them.
    pub kept: BTreeSet<Digest>,
    /// How many signatures of the release go.
    pub signatures: usize,
    /// Bytes that nothing needs any more.
    pub freed_bytes: u64,
}

/// Removes a release, or, on a `dry_run`, says what that would do.
///
/// # Errors
/// When the store cannot be read or written. Given once more, it goes on with what is left.
///
/// # Cancel safety
/// A repository whose part was begun loses all of it; given once more, it goes on with the others.
pub async fn remove(store: &Store, release: &HeldRelease, dry_run: bool) -> Result<Removal, Error> {
    let plan = Plan::of(store, release).await?;
    let mut removal = Removal {
        from: BTreeMap::new(),
        kept: BTreeSet::new(),
        signatures: 0,
        freed_bytes: 0,
    };
    for name in &plan.repositories {
        let (going, kept) = plan.in_repository(store, name).await?;
        removal.kept.extend(kept);
        if going != Going::default() {
            removal.from.insert(name.clone(), going);
        }
    }
    removal.freed_bytes = store.remove_several(removal.from.clone(), true).await?;
    if !plan.is_elsewhere {
        removal.signatures = store.signatures(release.digest).await?.len();
    }
    if dry_run {
        return Ok(removal);
    }
    let mut before = removal.from.clone();
    let last = before.get_mut(&release.repository);
    if let Some(going) = last {
        going.manifests.remove(&release.digest);
    }
    store.remove_several(before, false).await?;
    if !plan.is_elsewhere {
        store.remove_signatures(release.digest).await?;
        Note::forget(store, release.digest).await?;
    }
    store.remove_several(removal.from.clone(), false).await?;
    Ok(removal)
}

/// What is to go, and what has to stay.
struct Plan<'a> {
    release: &'a HeldRelease,
    /// Whether the same release image is held elsewhere too.
    is_elsewhere: bool,
    /// What is in it, unless that cannot be read any more.
    payload: Option<Payload>,
    /// What else is held, with what is in it as far as that can be read.
    others: Vec<(HeldRelease, Option<Payload>)>,
    /// Where something of it may lie.
    repositories: BTreeSet<RepoName>,
}

impl<'a> Plan<'a> {
    async fn of(store: &Store, release: &'a HeldRelease) -> Result<Self, Error> {
        let payload = readable(release.payload(store).await)?;
        let mut others = Vec::new();
        for other in releases(store).await? {
            if other.repository != release.repository || other.digest != release.digest {
                let payload = readable(other.payload(store).await)?;
                others.push((other, payload));
            }
        }
        let is_elsewhere = others.iter().any(|(it, _)| it.digest == release.digest);
        let mut repositories =
            BTreeSet::from([release.repository.clone(), release.components.clone()]);
        if !is_elsewhere {
            let sources = sources(release, payload.as_ref());
            for name in store.all_repositories().await? {
                if sources.iter().any(|source| is_upstreams_own(&name, source)) {
                    repositories.insert(name);
                }
            }
        }
        Ok(Self {
            release,
            is_elsewhere,
            payload,
            others,
            repositories,
        })
    }

    /// What goes from a repository, and which components stay there.
    async fn in_repository(
        &self,
        store: &Store,
        name: &RepoName,
    ) -> Result<(Going, BTreeSet<Digest>), Error> {
        let repo = store.repo(name);
        let tags = tags_by_digest(&repo).await?;
        let mut going = Going::default();
        let own = self.own_tags();
        let is_its_own = |tag: &Tag| own.contains(tag) || self.is_called_alike(tag);
        let mut stays = self.needed_by_others(&repo).await?;
        for (digest, tags) in &tags {
            let foreign = tags
                .iter()
                .any(|tag| !is_its_own(tag) && !is_companion(tag));
            if foreign && *digest != self.release.digest {
                stays.extend(with_children(&repo, *digest).await?);
            }
        }
        let mut kept = BTreeSet::new();
        let mut roots = self.roots(&repo).await?;
        if self.payload.is_none() {
            let named = tags.iter().filter(|(_, tags)| tags.iter().any(is_its_own));
            roots.extend(named.map(|(digest, _)| *digest));
        }
        for root in roots.iter().copied() {
            if stays.contains(&root) {
                kept.insert(root);
            } else {
                let all = with_children(&repo, root).await?;
                going.manifests.extend(all.difference(&stays));
            }
        }
        for (digest, tags) in &tags {
            let own = tags.iter().filter(|tag| is_its_own(tag));
            let is_ours = roots.contains(digest);
            going.tags.extend(own.filter(|_| is_ours).cloned());
        }
        add_companions(&repo, &tags, &mut going).await?;
        Ok((going, kept))
    }

    /// The images of this release that lie in a repository and may go from there.
    async fn roots(&self, repo: &Repo) -> Result<Vec<Digest>, Error> {
        let is_its_place =
            [&self.release.repository, &self.release.components].contains(&repo.name());
        let components = self.payload.iter().flat_map(Payload::components);
        let components = components.map(|component| component.image().digest());
        let mut roots = Vec::new();
        for digest in components.chain([self.release.digest]) {
            let reference = Reference::Digest(digest);
            let Some(record) = repo.manifest_record(&reference).await? else {
                continue;
            };
            // A copy that a client brought is the client's.
            if is_its_place || record.origin == Origin::Mirrored {
                roots.push(digest);
            }
        }
        Ok(roots)
    }

    /// What other releases need of a repository.
    async fn needed_by_others(&self, repo: &Repo) -> Result<BTreeSet<Digest>, Error> {
        let mut needed = BTreeSet::new();
        for (other, payload) in &self.others {
            let is_copy = sources(other, payload.as_ref())
                .iter()
                .any(|source| is_upstreams_own(repo.name(), source));
            if is_copy || other.repository == *repo.name() {
                needed.extend(with_children(repo, other.digest).await?);
            }
            if is_copy || other.components == *repo.name() {
                for component in payload.iter().flat_map(Payload::components) {
                    needed.extend(with_children(repo, component.image().digest()).await?);
                }
            }
        }
        Ok(needed)
    }

    /// Whether a tag looks like that of a component, where nobody can say which there are.
    fn is_called_alike(&self, tag: &Tag) -> bool {
        let behind = tag.as_str().strip_prefix(self.release.tag.as_str());
        self.payload.is_none() && behind.is_some_and(|behind| behind.starts_with('-'))
    }

    /// The tags that it has wherever it was mirrored to.
    fn own_tags(&self) -> BTreeSet<Tag> {
        let HeldRelease {
            version, arch, tag, ..
        } = self.release;
        let mut tags = BTreeSet::from([tag.clone()]);
        let name = self
            .payload
            .as_ref()
            .map_or(version.as_str(), Payload::name);
        tags.extend(release_tag(name, *arch));
        for component in self.payload.iter().flat_map(Payload::components) {
            tags.extend(component_tag(name, *arch, component.name()));
        }
        tags
    }
}

/// What can't be read counts for nothing, unless it is the store that cannot.
fn readable(payload: Result<Payload, Error>) -> Result<Option<Payload>, Error> {
    match payload {
        Ok(payload) => Ok(Some(payload)),
        Err(Error::Store(error)) if !matches!(error, StoreError::Damaged { .. }) => {
            Err(Error::Store(error))
        }
        Err(_) => Ok(None),
    }
}

/// The repositories upstream that a release comes from.
fn sources(release: &HeldRelease, payload: Option<&Payload>) -> BTreeSet<RepoName> {
    let components = payload.into_iter().flat_map(Payload::components);
    let mut sources: BTreeSet<_> = components
        .map(|component| component.image().repository().clone())
        .collect();
    for source in [release.from.clone(), ReleaseSource::default()] {
        sources.insert(source.repository().clone());
    }
    sources
}

/// The tags of a repository, by what they name.
async fn tags_by_digest(repo: &Repo) -> Result<BTreeMap<Digest, BTreeSet<Tag>>, Error> {
    let mut by_digest = BTreeMap::<_, BTreeSet<_>>::new();
    for tag in repo.tags().await?.unwrap_or_default() {
        if let Some(state) = repo.tag(&tag).await? {
            by_digest.entry(state.digest).or_default().insert(tag);
        }
    }
    Ok(by_digest)
}

/// An image, and all that its list names.
async fn with_children(repo: &Repo, digest: Digest) -> Result<BTreeSet<Digest>, Error> {
    let mut all = BTreeSet::new();
    let mut pending = vec![digest];
    while let Some(next) = pending.pop() {
        if !all.insert(next) {
            continue;
        }
        match manifest(repo, next).await {
            Ok(manifest) => pending.extend(manifest.children().iter().map(|child| child.digest)),
            // It names nothing any more.
            Err(
                Error::Gone { .. }
                | Error::Manifest { .. }
                | Error::Store(StoreError::Damaged { .. }),
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Whether a tag is that of what comes along with an image, such as its signature: `sha256-<hex>.sig`.
fn is_companion(tag: &Tag) -> bool {
    subject_of(tag).is_some()
}

/// The image that such a tag belongs to.
fn subject_of(tag: &Tag) -> Option<Digest> {
    let name = tag.as_str();
    let name = name.split_once('.').map_or(name, |(subject, _)| subject);
    let (algorithm, hex) = name.split_once('-')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// Signatures and the like, of all that goes and of themselves.
async fn add_companions(
    repo: &Repo,
    tags: &BTreeMap<Digest, BTreeSet<Tag>>,
    going: &mut Going,
) -> Result<(), Error> {
    let mut companions = BTreeMap::<Digest, Vec<(&Tag, Digest)>>::new();
    for (digest, tags) in tags {
        for tag in tags {
            if let Some(subject) = subject_of(tag) {
                companions.entry(subject).or_default().push((tag, *digest));
            }
        }
    }
    let mut pending: Vec<Digest> = going.manifests.iter().copied().collect();
    while let Some(subject) = pending.pop() {
        let mut found: Vec<Digest> = Vec::new();
        for (tag, digest) in companions.get(&subject).into_iter().flatten() {
            going.tags.insert((*tag).clone());
            // One that has another name as well stays under that.
            found.extend(tags[digest].iter().all(is_companion).then_some(*digest));
        }
        let referrers = repo.referrers(subject).await?.into_iter();
        found.extend(referrers.map(|referrer| referrer.digest));
        pending.extend(found.into_iter().filter(|it| going.manifests.insert(*it)));
    }
    Ok(())
}
