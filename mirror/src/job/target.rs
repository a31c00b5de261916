//! From what is wanted to single targets: asks upstreams for their repositories and tags.
//!
//! Invariant: what cannot be found out stands for itself as an image that failed, and keeps nothing else
//! from being found.

use std::sync::Arc;

use globset::GlobMatcher;
use http::StatusCode;
use roadstead_storage::oci::{Reference, RepoName};

use super::failure::Failure;
use super::image::{Image, Target};
use super::order::{Registry, Selection, Wish};
use super::remote::Remote;
use crate::client::Patience;
use crate::companion::is_companion_tag;
use crate::error::Error;

/// What makes more than one name of a pattern for repositories.
const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];

/// What a registry as a whole comes to: a wish for each repository, and what failed.
pub(super) async fn wishes(registry: &Registry) -> (Vec<Wish>, Vec<Image>) {
    let patterns = registry.repositories.iter();
    let (listed, literal): (Vec<_>, Vec<_>) = patterns.partition(|pattern| is_wild(pattern));
    let mut names: Vec<String> = literal.into_iter().map(|it| text(it).to_owned()).collect();
    let mut failed = Vec::new();
    if !listed.is_empty() {
        match registry.client.repositories(Patience::Job).await {
            Ok(all) => names.extend(
                all.iter()
                    .filter(|name| listed.iter().any(|it| it.is_match(name.as_str())))
                    .map(ToString::to_string),
            ),
            Err(error) => {
                let source = Arc::new(error);
                for pattern in listed {
                    let failure = if is_refusal(&source) {
                        let source = Arc::clone(&source);
                        Failure::NoCatalog { source }
                    } else {
                        Failure::Error(Arc::clone(&source))
                    };
                    failed.push(failure_of(registry, text(pattern), &failure));
                }
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    let mut wishes = Vec::with_capacity(names.len());
    for name in names {
        match (name.parse(), placed(&registry.to, &name)) {
            (Ok(remote), Ok(local)) => wishes.push(Wish {
                client: registry.client.clone(),
                remote,
                local,
                selection: Selection::All,
                tag: None,
                also: Vec::new(),
                set: None,
                is_optional: false,
            }),
            (_, Err(failure)) => failed.push(failure_of(registry, &name, &failure)),
            (Err(_), Ok(_)) => {
                let failure = Failure::NoRepository { name: name.clone() };
                failed.push(failure_of(registry, &name, &failure));
            }
        }
    }
    (wishes, failed)
}

/// What a wish comes to.
///
/// # Errors
/// When a list is needed for it and cannot be had, or has nothing that is wanted.
pub(super) async fn targets(wish: &Wish, remote: &Arc<Remote>) -> Result<Vec<Target>, Failure> {
    let target = |reference, tag| Target {
        remote: Arc::clone(remote),
        local: wish.local.clone(),
        reference,
        tag,
        also: Vec::new(),
        set: wish.set,
        is_optional: wish.is_optional,
    };
    let single = |reference, tag| Target {
        also: wish.also.clone(),
        ..target(reference, tag)
    };
    let pattern = match &wish.selection {
        Selection::Digest(digest) => {
            return Ok(vec![single(Reference::Digest(*digest), wish.tag.clone())]);
        }
        Selection::Tag(tag) => {
            let name = wish.tag.as_ref().unwrap_or(tag).clone();
            return Ok(vec![single(Reference::Tag(tag.clone()), Some(name))]);
        }
        Selection::All => None,
        Selection::Matching(pattern) => Some(pattern),
    };
    let mut targets = Vec::new();
    for tag in remote.tags().await? {
        // Signatures come along with what they sign.
        let is_wanted = pattern.is_none_or(|pattern| pattern.matches(tag));
        if is_wanted && !is_companion_tag(tag) {
            targets.push(target(Reference::Tag(tag.clone()), Some(tag.clone())));
        }
    }
    if targets.is_empty() && pattern.is_some() {
        return Err(Failure::NothingSelected);
    }
    Ok(targets)
}

/// A wish that came to nothing, as an image.
pub(super) fn unfounded(wish: &Wish, remote: &Remote, failure: &Failure) -> Image {
    let selected = match &wish.selection {
        Selection::All => ":*".to_owned(),
        Selection::Digest(digest) => format!("@{digest}"),
        Selection::Matching(pattern) => format!(":{pattern}"),
        Selection::Tag(tag) => format!(":{tag}"),
    };
    let source = format!("{}{selected}", remote.name());
    Image::failed(source, wish.local.to_string(), None, failure)
}

fn failure_of(registry: &Registry, name: &str, failure: &Failure) -> Image {
    let source = format!("{}/{name}", registry.client.name());
    let destination = join(&registry.to, name);
    Image::failed(source, destination, None, failure)
}

/// Where a repository of a registry lies in the store.
fn placed(prefix: &str, name: &str) -> Result<RepoName, Failure> {
    let name = join(prefix, name);
    let parsed = name.parse();
    parsed.map_err(|_| Failure::NoRepository { name })
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}/{name}")
    }
}

fn text(pattern: &GlobMatcher) -> &str {
    pattern.glob().glob()
}

fn is_wild(pattern: &GlobMatcher) -> bool {
    text(pattern).contains(WILDCARDS)
}

/// Whether a registry says in one of many ways that it has no catalog, or none for us.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Login { .. } | Error::NotFound { .. } => true,
        Error::Answer { status, .. } => matches!(
            *status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_IMPLEMENTED
        ),
        _ => false,
    }
}
