//! What an export would do: every tag that is selected, and every manifest that no tag leads to.
//!
//! Changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use roadstead_storage::oci::{Digest, Manifest, Reference, RepoName, Tag};
use roadstead_storage::{Repo, Store};

use super::{ExportReport, Image, Selected};
use crate::companion::companion_tags;
use crate::job::failure::in_words;
use crate::job::{Event, PlanTotals, PlannedImage, Report, State, Watch};
use crate::media::failure::{Error, Failure};
use crate::media::graph::{Manifests, Node, blobs, expand};
use crate::media::name::{self, Folder};
use crate::media::tree::{Kind, Tree};

/// How far what refers to an image is followed: its bill of material, and the signature of that.
const MAX_LEVELS: usize = 3;

/// What an export would do.
#[derive(Debug)]
pub struct ExportPlan {
    pub(super) images: Vec<Image>,
    pub(super) signatures: BTreeMap<Digest, Vec<Bytes>>,
    pub(super) totals: PlanTotals,
    pub(super) room: u64,
}

/// What of a repository is wanted.
#[derive(Debug, Default)]
struct Roots {
    tags: BTreeMap<Tag, Digest>,
    untagged: BTreeSet<Digest>,
}

/// What a repository of the tree has already.
#[derive(Debug, Default)]
struct There {
    blobs: HashMap<Digest, u64>,
    manifests: HashSet<Digest>,
    tags: HashMap<String, Digest>,
}

impl Manifests for Repo {
    async fn manifest(&self, digest: Digest) -> Result<Arc<Manifest>, Failure> {
        let stored = Self::manifest(self, &Reference::Digest(digest)).await?;
        let stored = stored.ok_or(Failure::MissingHere { digest })?;
        let parsed = Manifest::parse(Some(stored.media_type.as_str()), stored.bytes);
        let parsed = parsed.map_err(|_| Failure::DamagedHere { digest })?;
        Ok(Arc::new(parsed))
    }
}

impl ExportPlan {
    /// Finds out what is selected, and what of it a tree does not have yet.
    ///
    /// # Errors
    /// When nothing is selected, or the store or the tree cannot be read. What is wrong with an image is
    /// in the plan.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn make(
        store: &Store,
        tree: &impl Tree,
        selected: Vec<Selected>,
        watch: &Watch,
    ) -> Result<Self, Error> {
        let mut plan = Self {
            images: Vec::new(),
            signatures: BTreeMap::new(),
            totals: PlanTotals::default(),
            room: tree.room().await?,
        };
        for (repository, roots) in roots(store, selected).await? {
            let there = There::of(tree, &repository).await?;
            let repo = store.repo(&repository);
            examine(&mut plan.images, &repo, roots, &there).await?;
            let done = plan.images.len() as u64;
            watch.tell(Event::Examined { done, of: done });
        }
        for digest in plan.images.iter().flat_map(|image| &image.nodes) {
            let signatures = store.signatures(digest.digest).await?;
            if !signatures.is_empty() {
                plan.signatures.insert(digest.digest, signatures);
            }
        }
        plan.count();
        Ok(plan)
    }

    /// What it comes to.
    pub fn report(&self) -> ExportReport {
        let images = self.images.iter().map(|image| PlannedImage {
            source: image.name.clone(),
            destination: image.name.clone(),
            digest: Some(image.digest),
            state: image.state,
            because: image.because.clone(),
            bytes_to_fetch: image.to_write,
            bytes_here: image.there,
        });
        ExportReport {
            plan: Report {
                images: images.collect(),
                totals: self.totals,
                ..Report::default()
            },
            room: self.room,
            signatures: self.signatures.len() as u64,
        }
    }

    fn count(&mut self) {
        let mut counted = HashSet::new();
        let (mut to_write, mut there) = (0_u64, 0_u64);
        for image in &mut self.images {
            let totals = &mut self.totals;
            totals.images += 1;
            *match image.state {
                State::Changed | State::New => &mut totals.copy,
                State::Unchanged => &mut totals.unchanged,
                State::Missing => &mut totals.skipped,
                State::Failed | State::Left => &mut totals.failed,
            } += 1;
            // What several images share is written once, and counts for the first.
            for (digest, size) in &image.absent {
                if counted.insert(*digest) {
                    image.to_write += size;
                } else {
                    image.there += size;
                }
            }
            to_write = to_write.saturating_add(image.to_write);
            there = there.saturating_add(image.there);
        }
        (self.totals.bytes_to_fetch, self.totals.bytes_here) = (to_write, there);
    }
}

/// What is wanted of each repository.
async fn roots(store: &Store, selected: Vec<Selected>) -> Result<BTreeMap<RepoName, Roots>, Error> {
    let mut wanted: BTreeMap<RepoName, Roots> = BTreeMap::new();
    for selected in selected {
        match selected {
            Selected::All => {
                for name in store.all_repositories().await? {
                    let roots = everything(&store.repo(&name)).await?;
                    wanted.insert(name, roots);
                }
            }
            Selected::Release(release) => {
                let payload = release.payload(store).await?;
                let repo = store.repo(&release.repository);
                let roots = wanted.entry(release.repository.clone()).or_default();
                if repo.tag(&release.tag).await?.is_some() {
                    roots.tags.insert(release.tag.clone(), release.digest);
                }
                roots.untagged.insert(release.digest);
                with_companions(&repo, roots, release.digest).await?;
                let components = payload.components().iter();
                let components: BTreeSet<_> = components.map(|it| it.image().digest()).collect();
                let repo = store.repo(&release.components);
                let roots = wanted.entry(release.components.clone()).or_default();
                roots.tags.extend(tags_of(&repo, &components).await?);
                for digest in components {
                    roots.untagged.insert(digest);
                    with_companions(&repo, roots, digest).await?;
                }
            }
            Selected::Repository(name) => {
                let roots = everything(&store.repo(&name)).await?;
                if roots.untagged.is_empty() {
                    let wanted = name.to_string();
                    return Err(Error::NotHere { wanted });
                }
                wanted.insert(name, roots);
            }
            Selected::Tag(name, tag) => {
                let repo = store.repo(&name);
                let Some(state) = repo.tag(&tag).await? else {
                    let wanted = format!("{name}:{tag}");
                    return Err(Error::NotHere { wanted });
                };
                let roots = wanted.entry(name).or_default();
                roots.tags.insert(tag, state.digest);
                with_companions(&repo, roots, state.digest).await?;
            }
            Selected::Digest(name, digest) => {
                let repo = store.repo(&name);
                let reference = Reference::Digest(digest);
                if repo.manifest_record(&reference).await?.is_none() {
                    let wanted = format!("{name}@{digest}");
                    return Err(Error::NotHere { wanted });
                }
                let roots = wanted.entry(name).or_default();
                roots.untagged.insert(digest);
                with_companions(&repo, roots, digest).await?;
            }
        }
    }
    Ok(wanted)
}

/// The tags of a repository that name one of these.
async fn tags_of(repo: &Repo, digests: &BTreeSet<Digest>) -> Result<Vec<(Tag, Digest)>, Error> {
    let mut tags = Vec::new();
    for tag in repo.tags().await?.unwrap_or_default() {
        if let Some(state) = repo.tag(&tag).await?
            && digests.contains(&state.digest)
        {
            tags.push((tag, state.digest));
        }
    }
    Ok(tags)
}

/// All that a repository holds.
async fn everything(repo: &Repo) -> Result<Roots, Error> {
    let mut roots = Roots::default();
    for tag in repo.tags().await?.unwrap_or_default() {
        if let Some(state) = repo.tag(&tag).await? {
            roots.tags.insert(tag, state.digest);
        }
    }
    roots.untagged = repo.manifests().await?.into_iter().collect();
    Ok(roots)
}

/// Adds what belongs to an image, and to its parts: referrers, signatures, and what refers to these.
async fn with_companions(repo: &Repo, roots: &mut Roots, top: Digest) -> Result<(), Error> {
    let mut subjects = vec![top];
    let mut seen = HashSet::from([top]);
    for _ in 0..=MAX_LEVELS {
        let mut next = Vec::new();
        for subject in subjects {
            // What cannot be read fails where it is examined.
            let nodes = expand(repo, subject).await.unwrap_or_default();
            for node in &nodes {
                for referrer in repo.referrers(node.digest).await? {
                    roots.untagged.insert(referrer.digest);
                    next.push(referrer.digest);
                }
                for tag in companion_tags(&node.digest) {
                    if let Some(state) = repo.tag(&tag).await? {
                        roots.tags.insert(tag, state.digest);
                        next.push(state.digest);
                    }
                }
            }
        }
        next.retain(|digest| seen.insert(*digest));
        subjects = next;
    }
    Ok(())
}

/// Every image that is wanted of a repository: tags, and what they do not lead to.
async fn examine(
    images: &mut Vec<Image>,
    repo: &Repo,
    roots: Roots,
    there: &There,
) -> Result<(), Error> {
    let mut reached = HashSet::new();
    for (tag, digest) in roots.tags {
        let image = image(repo, Some(tag), digest, there).await?;
        reached.insert(digest);
        reached.extend(image.nodes.iter().map(|node| node.digest));
        images.push(image);
    }
    let mut untagged = Vec::new();
    for digest in roots.untagged.difference(&reached.into_iter().collect()) {
        untagged.push(image(repo, None, *digest, there).await?);
    }
    // What a list names is no image of its own.
    let parts = untagged.iter().flat_map(|image| {
        let nodes = image.nodes.iter().map(|node| node.digest);
        nodes.filter(|digest| *digest != image.digest)
    });
    let parts: HashSet<_> = parts.collect();
    untagged.retain(|image| !parts.contains(&image.digest));
    images.append(&mut untagged);
    Ok(())
}

async fn image(
    repo: &Repo,
    tag: Option<Tag>,
    digest: Digest,
    there: &There,
) -> Result<Image, Error> {
    let name = match &tag {
        Some(tag) => format!("{}:{tag}", repo.name()),
        None => format!("{}@{digest}", repo.name()),
    };
    let mut image = Image {
        name,
        repository: repo.name().clone(),
        state: State::Failed,
        tag,
        digest,
        because: None,
        nodes: Vec::new(),
        blobs: BTreeMap::new(),
        absent: BTreeMap::new(),
        to_write: 0,
        there: 0,
    };
    match parts(repo, digest).await {
        Ok((nodes, blobs)) => {
            image.state = there.state(&image, &nodes, &blobs);
            let sizes = nodes.iter().map(|node| {
                let size = node.manifest.bytes().len() as u64;
                (node.digest, size)
            });
            for (digest, size) in sizes.chain(blobs.iter().map(|(digest, size)| (*digest, *size))) {
                match there.blobs.get(&digest) {
                    Some(held) if *held == size => image.there += size,
                    _ => drop(image.absent.insert(digest, size)),
                }
            }
            (image.nodes, image.blobs) = (nodes, blobs);
        }
        Err(failure) => image.because = Some(in_words(&failure.or_end()?)),
    }
    Ok(image)
}

/// The manifests of an image, and the blobs that they need, all of which are here.
async fn parts(repo: &Repo, digest: Digest) -> Result<(Vec<Node>, BTreeMap<Digest, u64>), Failure> {
    let nodes = expand(repo, digest).await?;
    let blobs = blobs(&nodes);
    for digest in blobs.keys().copied() {
        if repo.blob_size(digest).await?.is_none() {
            return Err(Failure::MissingHere { digest });
        }
    }
    Ok((nodes, blobs))
}

impl There {
    async fn of(tree: &impl Tree, repository: &RepoName) -> Result<Self, Error> {
        let mut there = Self::default();
        let folder = Folder::Blobs.of(repository);
        if tree.describe(&folder).await?.is_some() {
            for entry in tree.list(&folder).await? {
                if let (Some(digest), Kind::File { size }) = (name::digest(&entry.name), entry.kind)
                {
                    there.blobs.insert(digest, size);
                }
            }
        }
        let folder = Folder::Manifests.of(repository);
        if tree.describe(&folder).await?.is_some() {
            for entry in tree.list(&folder).await? {
                match (name::digest(&entry.name), entry.kind) {
                    (Some(digest), Kind::File { .. }) => drop(there.manifests.insert(digest)),
                    (_, Kind::Link { target }) => {
                        let target = name::digest(&target);
                        there.tags.extend(target.map(|digest| (entry.name, digest)));
                    }
                    _ => {}
                }
            }
        }
        Ok(there)
    }

    fn state(&self, image: &Image, nodes: &[Node], blobs: &BTreeMap<Digest, u64>) -> State {
        let has = |digest: Digest, size: u64| self.blobs.get(&digest) == Some(&size);
        let is_whole = nodes.iter().all(|node| {
            has(node.digest, node.manifest.bytes().len() as u64)
                && self.manifests.contains(&node.digest)
        }) && blobs.iter().all(|(digest, size)| has(*digest, *size));
        let named = image.tag.as_ref().map(|tag| self.tags.get(tag.as_str()));
        match named {
            Some(Some(digest)) if *digest == image.digest && is_whole => State::Unchanged,
            None if is_whole => State::Unchanged,
            Some(Some(_)) => State::Changed,
            _ => State::New,
        }
    }
}
