//! What belongs to an image and comes along with it: referrers, signatures, and what refers to these.
//!
//! The API for referrers is asked about the image itself each time, since somebody may have signed it
//! meanwhile, and about its parts while they are new. Tags that are made from digests are looked up in
//! the one list of tags. Invariant: only so much belongs to an image.

use std::collections::HashSet;

use roadstead_storage::oci::{Digest, Reference, Tag};

use super::crowd;
use super::failure::Failure;
use super::graph::{AT_ONCE, Graph, Part};
use super::image::Node;
use crate::companion::companion_tags;

/// How far what refers to an image is followed: its bill of material, and the signature of that.
const MAX_LEVELS: usize = 3;
/// How many manifests may belong to an image without being part of it.
const MOST: usize = 1000;

/// A manifest that others may belong to.
#[derive(Debug, Clone, Copy)]
struct Subject {
    digest: Digest,
    /// Whether the API for referrers is asked.
    ask: bool,
    is_new: bool,
}

/// What belongs to the manifests of an image, and to that in turn, in the order to be stored.
///
/// # Errors
/// Whatever keeps it from being found. What a list of companions names and is not there is none.
pub(super) async fn of(
    graph: &Graph<'_>,
    parts: &[Node],
    top: &Node,
) -> Result<Vec<Node>, Failure> {
    let mut subjects = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        subjects.push(subject(graph, part).await?);
    }
    subjects.push(Subject {
        ask: true,
        ..subject(graph, top).await?
    });
    let mut seen: HashSet<_> = subjects.iter().map(|subject| subject.digest).collect();
    let mut companions = Vec::new();
    for _ in 0..MAX_LEVELS {
        let mut asked = Vec::with_capacity(subjects.len());
        for subject in subjects {
            asked.push(of_one(graph, subject));
        }
        let found = crowd::all(AT_ONCE, asked).await?;
        subjects = Vec::new();
        let mut level = Vec::new();
        for node in found.into_iter().flatten() {
            if seen.insert(node.digest) || !node.tags.is_empty() {
                subjects.push(subject(graph, &node).await?);
                level.push(node);
            }
        }
        // What was found last belongs to what was found before, and is stored before it.
        companions.splice(0..0, level);
        if companions.len() > MOST {
            return Err(Failure::TooMany { most: MOST });
        }
    }
    Ok(companions)
}

async fn subject(graph: &Graph<'_>, node: &Node) -> Result<Subject, Failure> {
    let is_new = !graph.holding.is_whole(node).await?;
    Ok(Subject {
        digest: node.digest,
        ask: is_new,
        is_new,
    })
}

/// What belongs to one manifest.
async fn of_one(graph: &Graph<'_>, subject: Subject) -> Result<Vec<Node>, Failure> {
    let mut found = Vec::new();
    if subject.ask {
        for referrer in graph.remote.referrers(subject.digest).await? {
            found.extend(graph.listed(referrer.digest, Part::Companion, 0).await?);
            if found.len() > MOST {
                return Err(Failure::TooMany { most: MOST });
            }
        }
    }
    for tag in companion_tags(&subject.digest) {
        let may_be_there = match graph.remote.few_tags().await {
            Some(tags) => tags.contains(&tag),
            // Only asking tells, and that is done once.
            None => subject.is_new,
        };
        if may_be_there {
            found.extend(tagged(graph, tag).await?);
        }
    }
    Ok(found)
}

/// What lies under a companion's tag; nothing if there is no such tag.
async fn tagged(graph: &Graph<'_>, tag: Tag) -> Result<Vec<Node>, Failure> {
    let reference = Reference::Tag(tag.clone());
    let (digest, manifest) = match graph.top(&reference, Some(&tag)).await {
        Err(failure) if failure.is_passable() => return Ok(Vec::new()),
        found => found?,
    };
    let mut nodes = graph.expand(digest, manifest, Part::Companion, 0).await?;
    if let Some(last) = nodes.last_mut() {
        last.tags.push(tag);
    }
    Ok(nodes)
}
