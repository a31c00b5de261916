//! What an import would do: every tag of a tree, and every manifest that no tag leads to.
//!
//! Changes nothing.

use std::collections::HashSet;

use bytes::Bytes;
use roadstead_storage::oci::{Digest, RepoName, Tag};
use roadstead_storage::{Origin, Store};

use super::reader::Reader;
use super::{Image, ImportReport, Need, Order};
use crate::companion::is_companion_tag;
use crate::job::failure::in_words;
use crate::job::{Event, PlanTotals, PlannedImage, Report, State, Watch};
use crate::media::config_map;
use crate::media::failure::{Error, Failure};
use crate::media::graph::{Node, expand};
use crate::media::survey::{Held, Refused, Survey, small};
use crate::media::tree::Tree;

/// The largest file of signatures that is read, in bytes.
const MAX_SIGNATURES: u64 = 4 * 1024 * 1024;

/// What an import would do.
#[derive(Debug)]
pub struct ImportPlan {
    pub(super) survey: Survey,
    pub(super) images: Vec<Image>,
    pub(super) signatures: Vec<(Digest, Bytes)>,
    pub(super) totals: PlanTotals,
}

/// An image that was found.
struct Found {
    nodes: Vec<Node>,
    needs: Vec<Need>,
    kind: Order,
    state: State,
}

impl ImportPlan {
    /// Finds out what there is in a tree, and what of it is not here.
    ///
    /// # Errors
    /// When there are no images in it, or it or the store cannot be read. What is wrong with an image is
    /// in the plan.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn make(store: &Store, tree: &impl Tree, watch: &Watch) -> Result<Self, Error> {
        let survey = Survey::of(tree).await?;
        let mut plan = Self {
            images: Vec::new(),
            signatures: Vec::new(),
            totals: PlanTotals::default(),
            survey,
        };
        plan.find_signatures(tree).await?;
        let held = plan.survey.repositories.values();
        let of: usize = held.map(|held| held.tags.len()).sum();
        let repositories = std::mem::take(&mut plan.survey.repositories);
        for (repository, held) in &repositories {
            let reader = Reader {
                store,
                repo: store.repo(repository),
                tree,
                survey: &plan.survey,
            };
            let images = examine(&reader, repository, held).await?;
            plan.images.extend(images);
            let done = plan.images.len() as u64;
            watch.tell(Event::Examined {
                done,
                of: done.max(of as u64),
            });
        }
        plan.survey.repositories = repositories;
        plan.count();
        Ok(plan)
    }

    /// What it comes to.
    pub fn report(&self) -> ImportReport {
        let images = self.images.iter().map(|image| PlannedImage {
            source: image.name.clone(),
            destination: image.name.clone(),
            digest: image.digest,
            state: image.state,
            because: image.because.clone(),
            bytes_to_fetch: image.bytes(false),
            bytes_here: image.bytes(true),
        });
        ImportReport {
            plan: Report {
                images: images.collect(),
                totals: self.totals,
                ..Report::default()
            },
            signatures: self.signatures.len() as u64,
            refused: self.survey.refused.clone(),
        }
    }

    async fn find_signatures(&mut self, tree: &impl Tree) -> Result<(), Error> {
        for path in std::mem::take(&mut self.survey.signatures) {
            let bytes = match small(tree, &path, MAX_SIGNATURES).await {
                Ok(bytes) => bytes,
                Err(failure) => {
                    let because = in_words(&failure.or_end()?);
                    self.survey.refused.push(Refused { path, because });
                    continue;
                }
            };
            match config_map::parse(&bytes) {
                Ok(signatures) => self.signatures.extend(signatures),
                Err(error) => {
                    let because = in_words(&error);
                    self.survey.refused.push(Refused { path, because });
                }
            }
        }
        Ok(())
    }

    fn count(&mut self) {
        let mut counted = HashSet::new();
        for image in &self.images {
            self.totals.images += 1;
            match image.state {
                State::Changed | State::New => self.totals.copy += 1,
                State::Unchanged => self.totals.unchanged += 1,
                State::Missing => self.totals.skipped += 1,
                State::Failed | State::Left => self.totals.failed += 1,
            }
            for need in &image.needs {
                if counted.insert(need.blob) {
                    let bytes = if need.is_here {
                        &mut self.totals.bytes_here
                    } else {
                        &mut self.totals.bytes_to_fetch
                    };
                    *bytes = bytes.saturating_add(need.size);
                }
            }
        }
    }
}

/// Every image of a repository.
async fn examine<T: Tree>(
    reader: &Reader<'_, T>,
    repository: &RepoName,
    held: &Held,
) -> Result<Vec<Image>, Error> {
    let mut images = Vec::new();
    let mut reached = HashSet::new();
    for (tag, digest) in &held.tags {
        let found = find(reader, *digest, Some(tag)).await;
        let image = image(repository, Some(tag), *digest, found)?;
        reached.insert(*digest);
        reached.extend(image.nodes.iter().map(|node| node.digest));
        images.push(image);
    }
    let mut found = Vec::new();
    for digest in held.manifests.iter().filter(|it| !reached.contains(it)) {
        found.push((*digest, find(reader, *digest, None).await));
    }
    // What a list names is no image of its own.
    let parts: HashSet<Digest> = found
        .iter()
        .filter_map(|(digest, found)| Some((digest, found.as_ref().ok()?)))
        .flat_map(|(top, found)| {
            found
                .nodes
                .iter()
                .map(|node| node.digest)
                .filter(move |it| it != top)
        })
        .collect();
    for (digest, found) in found {
        if !parts.contains(&digest) {
            images.push(image(repository, None, digest, found)?);
        }
    }
    Ok(images)
}

async fn find<T: Tree>(
    reader: &Reader<'_, T>,
    digest: Digest,
    tag: Option<&Tag>,
) -> Result<Found, Failure> {
    let nodes = expand(reader, digest).await?;
    let needs = reader.needs(&nodes).await?;
    let named = match tag {
        Some(tag) => reader.repo.tag(tag).await?,
        None => None,
    };
    let named = named.filter(|named| named.origin != Origin::PulledThrough);
    let is_whole = reader.is_whole(&nodes, &needs).await?;
    let state = match (tag, named) {
        (None, _) if is_whole => State::Unchanged,
        (Some(_), Some(named)) if is_whole && named.digest == digest => State::Unchanged,
        (Some(_), Some(_)) => State::Changed,
        _ => State::New,
    };
    let kind = match tag {
        Some(_) if reader.is_release(&nodes).await? => Order::Release,
        Some(tag) if !is_companion_tag(tag) => Order::Image,
        _ => Order::Companion,
    };
    Ok(Found {
        nodes,
        needs,
        kind,
        state,
    })
}

fn image(
    repository: &RepoName,
    tag: Option<&Tag>,
    digest: Digest,
    found: Result<Found, Failure>,
) -> Result<Image, Error> {
    let name = match tag {
        Some(tag) => format!("{repository}:{tag}"),
        None => format!("{repository}@{digest}"),
    };
    let digest = Some(digest);
    let (repository, tag) = (repository.clone(), tag.cloned());
    match found {
        Ok(found) => Ok(Image {
            name,
            repository,
            tag,
            digest,
            kind: found.kind,
            state: found.state,
            because: None,
            nodes: found.nodes,
            needs: found.needs,
        }),
        Err(failure) => Ok(Image {
            name,
            repository,
            tag,
            digest,
            kind: Order::Image,
            because: Some(in_words(&failure.or_end()?)),
            state: State::Failed,
            nodes: Vec::new(),
            needs: Vec::new(),
        }),
    }
}
