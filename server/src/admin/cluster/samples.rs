//! Which image streams of the samples are held whole.
//!
//! What there is to hold is remembered of `mirror samples`, or read out of the releases' own images.
//! Invariant: a stream counts as whole only if all its images are here, for each release that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_mirror::openshift::{Content, Streams, image_of, sample_place};
use roadstead_storage::Store;
use roadstead_storage::oci::{Reference, RepoName};

use super::error::Error;
use super::release::Held;
use crate::admin::command::WantedFacts;
use crate::cluster::facts::Samples;
use crate::jobs::samples::{OPERATOR, Samples as Copied, kept};

/// The samples of the releases that were asked for, under this prefix, or where `mirror samples` put them;
/// nothing where there are none.
///
/// # Errors
/// When an operator's image cannot be read, or samples lie under several prefixes.
///
/// # Cancel safety
/// Reads only.
pub(super) async fn find(
    store: &Store,
    releases: &[Held],
    wanted: &WantedFacts,
) -> Result<Option<Samples>, Error> {
    let asked: Vec<&Held> = releases.iter().filter(|it| it.facts.is_asked).collect();
    let mut copied = kept(store).await?;
    if !wanted.releases.is_empty() {
        copied.retain(|name, _| asked.iter().any(|held| name_of(held) == *name));
    }
    let prefix = match &wanted.prefix {
        Some(prefix) => Some(prefix.clone()),
        None => prefix(copied.values().map(Copied::prefix).collect())?,
    };
    let mut streams = BTreeMap::<String, BTreeSet<String>>::new();
    let mut add = |stream: &str, images: &BTreeSet<String>| {
        let all = streams.entry(stream.to_owned()).or_default();
        all.extend(images.iter().cloned());
    };
    for of_copied in copied.values().filter(|it| it.prefix() == prefix) {
        let of_copied = of_copied.streams.iter();
        of_copied.for_each(|(stream, images)| add(stream, images));
    }
    for held in asked {
        if copied.contains_key(&name_of(held)) {
            continue;
        }
        if let Some(of_release) = of_release(store, held).await? {
            let of_release = of_release.iter();
            of_release.for_each(|(stream, images)| add(stream, images));
        }
    }
    if streams.is_empty() {
        return Ok(None);
    }
    weigh(store, streams, prefix).await.map(Some)
}

/// What a release is called where something is remembered of its samples.
fn name_of(held: &Held) -> String {
    format!("{}-{}", held.facts.version, held.facts.arch)
}

/// The prefix to look under where none was said: none, if some samples lie under none.
fn prefix(found: BTreeSet<Option<RepoName>>) -> Result<Option<RepoName>, Error> {
    if found.contains(&None) {
        return Ok(None);
    }
    let mut prefixes: Vec<RepoName> = found.into_iter().flatten().collect();
    match prefixes.len() {
        0 | 1 => Ok(prefixes.pop()),
        _ => Err(Error::SeveralPrefixes { prefixes }),
    }
}

/// Finds out which of the streams are held whole.
async fn weigh(
    store: &Store,
    streams: BTreeMap<String, BTreeSet<String>>,
    prefix: Option<RepoName>,
) -> Result<Samples, Error> {
    let mut samples = Samples {
        prefix,
        complete: BTreeSet::new(),
        incomplete: BTreeSet::new(),
        mirrors: BTreeMap::new(),
    };
    for (stream, images) in streams {
        let mut is_whole = true;
        for image in &images {
            is_whole &= is_held(store, image, &mut samples).await?;
        }
        let list = if is_whole {
            &mut samples.complete
        } else {
            &mut samples.incomplete
        };
        list.insert(stream);
    }
    Ok(samples)
}

/// The image streams of a release; nothing where it has no samples.
async fn of_release(store: &Store, held: &Held) -> Result<Option<Streams>, Error> {
    let Some(operator) = held.payload.component(OPERATOR) else {
        return Ok(None);
    };
    let release = || held.release.tag.to_string();
    let content = Content::Held(store.repo(&held.release.components));
    let failed = |source| Error::Operator {
        release: release(),
        source: Box::new(source),
    };
    let reference = Reference::Digest(operator.image().digest());
    let found = content.manifest(&reference).await.map_err(failed)?;
    let (digest, manifest) = found.ok_or_else(|| Error::NoOperator { release: release() })?;
    let image = image_of(&content, digest, manifest, None).await;
    let (_, image) = image.map_err(failed)?;
    let read = Box::pin(Streams::of_operator(&content, &image, held.release.arch));
    let streams = read.await.map_err(|source| Error::Samples {
        release: release(),
        source: Box::new(source),
    })?;
    Ok(Some(streams))
}

/// Whether an image is here; then its repository is a mirror.
async fn is_held(store: &Store, image: &str, samples: &mut Samples) -> Result<bool, Error> {
    let Ok((here, tag)) = sample_place(image, samples.prefix.as_ref()) else {
        return Ok(false);
    };
    let is_held = store.repo(&here).tag(&tag).await?.is_some();
    if is_held && let Some(source) = source(image) {
        samples.mirrors.insert(source.to_owned(), here);
    }
    Ok(is_held)
}

/// The repository that an image's name begins with, if it says of which registry.
fn source(image: &str) -> Option<&str> {
    let source = match image.rsplit_once(':') {
        Some((source, tag)) if !tag.contains('/') => source,
        _ => image,
    };
    let (host, _) = source.split_once('/')?;
    host.contains(['.', ':']).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_looked_for_where_they_were_put() {
        let [a, b] = ["a", "b"].map(|name| name.parse::<RepoName>().ok());
        let found = |list: &[&Option<RepoName>]| prefix(list.iter().copied().cloned().collect());
        assert_eq!(found(&[]).unwrap(), None);
        assert_eq!(found(&[&a]).unwrap(), a);
        assert_eq!(found(&[&a, &None]).unwrap(), None);
        assert!(matches!(
            found(&[&a, &b]),
            Err(Error::SeveralPrefixes { .. })
        ));
    }

    #[test]
    fn a_repository_is_what_stands_before_the_tag() {
        for (image, expected) in [
            (
                "registry.redhat.io/ubi8/php:1",
                Some("registry.redhat.io/ubi8/php"),
            ),
            (
                "registry.redhat.io/ubi8/php",
                Some("registry.redhat.io/ubi8/php"),
            ),
            ("reg:5000/php", Some("reg:5000/php")),
            ("reg:5000/php:1", Some("reg:5000/php")),
            ("library/php:1", None),
            ("php", None),
        ] {
            assert_eq!(source(image), expected, "{image}");
        }
    }
}
