//! Finds a target at its upstream, with all that it consists of, and what of that is here.
//!
//! Changes nothing. A target that has not changed costs one request for its tag and one for what refers
//! to it.

use std::collections::HashSet;

use roadstead_storage::Store;

use super::companion;
use super::failure::Failure;
use super::graph::{Graph, Part};
use super::holding::Holding;
use super::image::{Found, Node, Target};
use super::order::Platforms;
use super::outcome::State;

/// Finds out what a target is.
///
/// # Errors
/// Whatever keeps any part of it from being found.
///
/// # Cancel safety
/// Nothing is changed.
pub(super) async fn find(
    store: &Store,
    target: &Target,
    platforms: &Platforms,
) -> Result<Found, Failure> {
    let holding = Holding::new(store, store.repo(&target.local));
    let graph = Graph::new(&target.remote, holding.clone());
    let top = graph.top(&target.reference, target.tag.as_ref());
    let (digest, manifest) = top.await?;
    let is_known = match &target.tag {
        Some(tag) => holding.tag(tag).await?.is_some(),
        None => holding.has(digest).await?,
    };
    let part = Part::Image(platforms);
    let mut nodes = graph.expand(digest, manifest, part, 0).await?;
    let mut top = nodes.pop().expect("what was expanded is its own last part");
    top.tags.extend(target.tag.clone());
    nodes.extend(companion::of(&graph, &nodes, &top).await?);
    // Of a part that is listed twice the first is behind all that it needs.
    let mut seen = HashSet::new();
    nodes.retain(|node| seen.insert(node.digest) || !node.tags.is_empty());
    nodes.push(top);

    let is_whole =
        is_whole(&holding, &nodes).await? && is_also_there(store, target, &nodes).await?;
    let state = match (is_whole, is_known) {
        (true, _) => State::Unchanged,
        (false, true) => State::Changed,
        (false, false) => State::New,
    };
    Ok(Found {
        digest,
        state,
        needs: holding.needs(&nodes).await?,
        nodes,
    })
}

async fn is_whole(holding: &Holding, nodes: &[Node]) -> Result<bool, Failure> {
    for node in nodes {
        if !holding.is_whole(node).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether it is wherever else it shall be.
async fn is_also_there(store: &Store, target: &Target, nodes: &[Node]) -> Result<bool, Failure> {
    for place in &target.also {
        let holding = Holding::new(store, store.repo(&place.repository));
        let top = nodes.len() - 1;
        let nodes = nodes.iter().enumerate();
        let nodes: Vec<_> = nodes.map(|(at, node)| node.at(place, at == top)).collect();
        if !is_whole(&holding, &nodes).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
