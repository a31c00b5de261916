//! Where the components of a release lie, if nobody noted it.
//!
//! Beside it, as a tool that mirrors puts them; under their upstream's own names; or in the repository of
//! the release itself. Which of these it is, their manifests say.

use roadstead_storage::Store;
use roadstead_storage::oci::{Reference, RepoName, Tag};

use super::error::Error;
use super::image::Image;
use super::note::Note;
use super::release::read_payload;
use crate::openshift::payload::Payload;
use crate::openshift::reference::ReleaseSource;

/// How the repository of release images ends where components lie beside it, and how that one ends.
const BESIDE: (&str, &str) = ("release-images", "release");

/// What is known of a release when its components are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) repository: &'a RepoName,
    pub(super) image: &'a Image,
    pub(super) tag: &'a Tag,
    pub(super) note: Option<&'a Note>,
}

/// Whether a repository has the name that an upstream's has, below a prefix or not.
pub(super) fn is_upstreams_own(repository: &RepoName, source: &RepoName) -> bool {
    prefix_before(repository, source).is_some()
}

/// What stands before the name of an upstream's repository, with its slash.
fn prefix_before<'a>(repository: &'a RepoName, source: &RepoName) -> Option<&'a str> {
    let prefix = repository.as_str().strip_suffix(source.as_str())?;
    (prefix.is_empty() || prefix.ends_with('/')).then_some(prefix)
}

/// Where the components of this release lie.
pub(super) async fn components_of(store: &Store, place: Place<'_>) -> Result<RepoName, Error> {
    if let Some(note) = place.note
        && note.layout.images == *place.repository
    {
        return Ok(note.layout.components.clone());
    }
    let beside = beside(place.repository);
    let has_other = match &beside {
        Some(name) => store.repo(name).exists().await?,
        None => false,
    };
    let from = place.note.map(|note| note.from.clone()).unwrap_or_default();
    if !has_other && !is_upstreams_own(place.repository, from.repository()) {
        return Ok(place.repository.clone());
    }
    match read_payload(store, place.repository, place.image).await {
        Ok(payload) => by_manifests(store, place, &from, &payload).await,
        Err(Error::Store(error)) => Err(Error::Store(error)),
        // It can't be read, and still there is something to be said of it.
        Err(_) => by_tags(store, place).await,
    }
}

/// The repository beside that of the release images.
fn beside(repository: &RepoName) -> Option<RepoName> {
    let (images, components) = BESIDE;
    let prefix = repository.as_str().strip_suffix(images)?;
    let stands_alone = prefix.is_empty() || prefix.ends_with('/');
    stands_alone.then(|| format!("{prefix}{components}").parse().ok())?
}

/// The one that holds most of what the payload names.
async fn by_manifests(
    store: &Store,
    place: Place<'_>,
    from: &ReleaseSource,
    payload: &Payload,
) -> Result<RepoName, Error> {
    let prefix = prefix_before(place.repository, from.repository());
    let sources = payload
        .components()
        .iter()
        .map(|it| it.image().repository());
    let mut candidates: Vec<RepoName> = beside(place.repository).into_iter().collect();
    for source in sources {
        let name = prefix.and_then(|prefix| format!("{prefix}{source}").parse().ok());
        candidates.extend(name.filter(|name| !candidates.contains(name)));
    }
    let mut best = (0, place.repository.clone());
    candidates.push(place.repository.clone());
    for name in candidates {
        let count = holds(store, &name, payload).await?;
        if count > best.0 {
            best = (count, name);
        }
        if count == payload.components().len() {
            break;
        }
    }
    Ok(best.1)
}

/// How many components of the payload this repository has.
async fn holds(store: &Store, name: &RepoName, payload: &Payload) -> Result<usize, Error> {
    let repo = store.repo(name);
    let mut count = 0;
    for component in payload.components() {
        let reference = Reference::Digest(component.image().digest());
        count += usize::from(repo.manifest_record(&reference).await?.is_some());
    }
    Ok(count)
}

/// The one that has tags of components, as all tools make them.
async fn by_tags(store: &Store, place: Place<'_>) -> Result<RepoName, Error> {
    let start = format!("{}-", place.tag);
    if let Some(name) = beside(place.repository) {
        let tags = store.repo(&name).tags().await?.unwrap_or_default();
        if tags.iter().any(|tag| tag.as_str().starts_with(&start)) {
            return Ok(name);
        }
    }
    Ok(place.repository.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepoName {
        text.parse().unwrap()
    }

    #[test]
    fn components_lie_beside_release_images_only_where_these_say_so() {
        assert_eq!(
            beside(&name("openshift/release-images")),
            Some(name("openshift/release"))
        );
        assert_eq!(beside(&name("release-images")), Some(name("release")));
        assert_eq!(beside(&name("openshift/prerelease-images")), None);
        assert_eq!(beside(&name("ocp4/openshift4")), None);
    }

    #[test]
    fn an_upstreams_own_name_is_the_whole_end_of_a_name() {
        let source = name("openshift-release-dev/ocp-release");
        for own in [
            "openshift-release-dev/ocp-release",
            "quay.io/openshift-release-dev/ocp-release",
        ] {
            assert!(is_upstreams_own(&name(own), &source), "{own}");
        }
        for other in [
            "myopenshift-release-dev/ocp-release",
            "openshift-release-dev/ocp-release/x",
        ] {
            assert!(!is_upstreams_own(&name(other), &source), "{other}");
        }
    }
}
