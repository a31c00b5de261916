//! Which image streams of the samples are held whole.
//!
//! What there is to hold is read out of the releases' own images. Invariant: a stream counts as whole only
//! if all its images are here, for each release that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_mirror::openshift::{Content, Streams, image_of, sample_place};
use roadstead_storage::Store;
use roadstead_storage::oci::{Reference, RepoName};

use super::error::Error;
use super::release::Held;
use crate::cluster::facts::Samples;

/// What the operator is called in a release.
const OPERATOR: &str = "cluster-samples-operator";

/// The samples of the releases that were asked for, where `mirror samples` puts them under this prefix;
/// nothing where no release has any.
pub(super) async fn find(
    store: &Store,
    releases: &[Held],
    prefix: Option<RepoName>,
) -> Result<Option<Samples>, Error> {
    let mut streams = BTreeMap::<String, BTreeSet<String>>::new();
    for held in releases.iter().filter(|held| held.facts.is_asked) {
        if let Some(of_release) = of_release(store, held).await? {
            for (stream, images) in of_release.iter() {
                let all = streams.entry(stream.to_owned()).or_default();
                all.extend(images.iter().cloned());
            }
        }
    }
    if streams.is_empty() {
        return Ok(None);
    }
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
    Ok(Some(samples))
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
        source,
    };
    let reference = Reference::Digest(operator.image().digest());
    let found = content.manifest(&reference).await.map_err(failed)?;
    let (digest, manifest) = found.ok_or_else(|| Error::NoOperator { release: release() })?;
    let image = image_of(&content, digest, manifest, None).await;
    let (_, image) = image.map_err(failed)?;
    let read = Box::pin(Streams::of_operator(&content, &image, held.release.arch));
    let streams = read.await.map_err(|source| Error::Samples {
        release: release(),
        source,
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
