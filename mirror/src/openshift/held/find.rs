//! Looks for releases: all of them, or the one that a name stands for.
//!
//! A tag that is a version with an architecture behind it may be one's; the image that it names has to say
//! so itself. Only such tags are looked behind, so that many others cost nothing.

use std::collections::BTreeMap;

use roadstead_storage::Store;
use roadstead_storage::oci::{Digest, Reference, RepoName, Tag};
use semver::Version;
use tracing::warn;

use super::error::Error;
use super::image::Image;
use super::note::Note;
use super::place::{Place, components_of, is_upstreams_own};
use super::release::HeldRelease;
use super::wanted::{HeldRef, Wanted};
use crate::openshift::arch::Arch;
use crate::openshift::layout::{Layout, release_tag};
use crate::openshift::reference::{ReleaseSource, arch_of, this_machine};

/// All releases, by version and architecture. One that lies under its upstream's own name as well is told
/// once, by where it was put.
///
/// # Errors
/// The store's. What is damaged is left out, with a word in the log.
///
/// # Cancel safety
/// Reads only.
pub async fn releases(store: &Store) -> Result<Vec<HeldRelease>, Error> {
    let mut found = Vec::new();
    for name in store.all_repositories().await? {
        found.extend(in_repository(store, &name).await?);
    }
    let mut found = told_once(found);
    found.sort_by_cached_key(|release| {
        (
            Version::parse(&release.version).ok(),
            release.version.clone(),
            release.arch,
            release.repository.clone(),
        )
    });
    Ok(found)
}

/// The release that a name stands for.
///
/// # Errors
/// [`Error::NotHeld`], [`Error::NoRelease`] and [`Error::Several`]; and when it cannot be read.
///
/// # Cancel safety
/// Reads only.
pub async fn resolve(store: &Store, wanted: &HeldRef) -> Result<HeldRelease, Error> {
    let found = match wanted.wanted() {
        Wanted::Place {
            repositories,
            reference,
        } => return at_place(store, wanted, repositories, reference).await,
        Wanted::Digest(digest) => with_digest(store, *digest).await?,
        Wanted::Release { version, arch } => {
            let mut found = releases(store).await?;
            found.retain(|it| it.version == *version && it.arch == *arch);
            found
        }
        Wanted::Version(version) => {
            let mut found = releases(store).await?;
            found.retain(|it| it.version == *version);
            for_this_machine(found)
        }
    };
    match preferred(store, found).await?.as_slice() {
        [] => Err(not_held(store, wanted).await?),
        [only] => Ok(only.clone()),
        several => Err(Error::Several {
            places: several.iter().map(place_of).collect(),
        }),
    }
}

/// Those of a repository.
async fn in_repository(store: &Store, name: &RepoName) -> Result<Vec<HeldRelease>, Error> {
    let repo = store.repo(name);
    let tags = repo.tags().await?.unwrap_or_default();
    let mut found = BTreeMap::<Digest, HeldRelease>::new();
    for tag in tags {
        let Some(arch) = arch_of(tag.as_str()) else {
            continue;
        };
        let Some(state) = repo.tag(&tag).await? else {
            continue;
        };
        match at(store, name, state.digest, Some((&tag, arch))).await {
            Ok(None) => {}
            Ok(Some(release)) => {
                let its_own = release_tag(&release.version, release.arch).ok();
                let is_better = its_own.as_ref() == Some(&release.tag);
                if is_better || !found.contains_key(&release.digest) {
                    found.insert(release.digest, release);
                }
            }
            Err(Error::Store(error)) => return Err(Error::Store(error)),
            Err(error) => {
                warn!(repo = %name, %tag, %error, "Leaves out a release that cannot be read");
            }
        }
    }
    Ok(found.into_values().collect())
}

/// What lies there, if it is a release.
async fn at(
    store: &Store,
    name: &RepoName,
    digest: Digest,
    tagged: Option<(&Tag, Arch)>,
) -> Result<Option<HeldRelease>, Error> {
    let repo = store.repo(name);
    let image = Image::read(&repo, digest, None).await?;
    let config = image.config(&repo).await?;
    let Some(version) = config.release() else {
        return Ok(None);
    };
    let arch = match (tagged, image.list) {
        (Some((_, arch)), _) => Some(arch),
        (None, Some(_)) => Some(Arch::Multi),
        (None, None) => config.arch(),
    };
    let Some((arch, own_tag)) = arch.and_then(|it| Some((it, release_tag(version, it).ok()?)))
    else {
        return Ok(None);
    };
    let note = Note::read(store, digest).await?;
    let from = note.as_ref().map(|note| note.from.clone());
    let place = Place {
        repository: name,
        image: &image,
        tag: tagged.map_or(&own_tag, |(tag, _)| tag),
        note: note.as_ref(),
    };
    let components = components_of(store, place).await?;
    Ok(Some(HeldRelease {
        repository: name.clone(),
        tag: tagged.map_or_else(|| own_tag.clone(), |(tag, _)| tag.clone()),
        digest,
        version: version.to_owned(),
        arch,
        components,
        from: from.unwrap_or_default(),
    }))
}

/// What lies in the first of these repositories that has it.
async fn at_place(
    store: &Store,
    wanted: &HeldRef,
    repositories: &[RepoName],
    reference: &Reference,
) -> Result<HeldRelease, Error> {
    for name in repositories {
        let Some(record) = store.repo(name).manifest_record(reference).await? else {
            continue;
        };
        let tagged = match reference {
            Reference::Tag(tag) => arch_of(tag.as_str()).map(|arch| (tag.clone(), arch)),
            Reference::Digest(digest) => tag_of(store, name, *digest).await?,
        };
        let tagged = tagged.as_ref().map(|(tag, arch)| (tag, *arch));
        let release = at(store, name, record.digest, tagged).await?;
        return release.ok_or_else(|| Error::NoRelease {
            place: wanted.to_string(),
        });
    }
    Err(not_held(store, wanted).await?)
}

/// The tag of a release that names this digest.
async fn tag_of(
    store: &Store,
    name: &RepoName,
    digest: Digest,
) -> Result<Option<(Tag, Arch)>, Error> {
    let repo = store.repo(name);
    for tag in repo.tags().await?.unwrap_or_default() {
        let Some(arch) = arch_of(tag.as_str()) else {
            continue;
        };
        if repo.tag(&tag).await?.is_some_and(|it| it.digest == digest) {
            return Ok(Some((tag, arch)));
        }
    }
    Ok(None)
}

/// Those with this digest, tagged or not.
async fn with_digest(store: &Store, digest: Digest) -> Result<Vec<HeldRelease>, Error> {
    let mut found = Vec::new();
    for name in store.all_repositories().await? {
        let reference = Reference::Digest(digest);
        if store
            .repo(&name)
            .manifest_record(&reference)
            .await?
            .is_none()
        {
            continue;
        }
        let tagged = tag_of(store, &name, digest).await?;
        let tagged = tagged.as_ref().map(|(tag, arch)| (tag, *arch));
        found.extend(at(store, &name, digest, tagged).await?);
    }
    Ok(told_once(found))
}

/// Of several architectures, the one of this machine if it is among them.
fn for_this_machine(found: Vec<HeldRelease>) -> Vec<HeldRelease> {
    let here = |release: &HeldRelease| Some(release.arch) == this_machine();
    if found.iter().any(here) {
        found.into_iter().filter(here).collect()
    } else {
        found
    }
}

/// Where the same image lies in several places, the one where it was mirrored to, or is by default.
async fn preferred(store: &Store, found: Vec<HeldRelease>) -> Result<Vec<HeldRelease>, Error> {
    let [first, ..] = found.as_slice() else {
        return Ok(found);
    };
    if found.iter().any(|release| release.digest != first.digest) {
        return Ok(found);
    }
    let noted = Note::read(store, first.digest).await?;
    let places = [noted.map(|note| note.layout), Some(Layout::default())];
    for layout in places.into_iter().flatten() {
        let there = found.iter().find(|it| it.repository == layout.images);
        if let Some(release) = there {
            return Ok(vec![release.clone()]);
        }
    }
    Ok(vec![first.clone()])
}

/// Leaves out what lies under its upstream's own name, where it lies elsewhere too.
fn told_once(found: Vec<HeldRelease>) -> Vec<HeldRelease> {
    let mut kept: Vec<HeldRelease> = Vec::new();
    let (copies, own): (Vec<_>, Vec<_>) = found.into_iter().partition(is_copy);
    kept.extend(own);
    for copy in copies {
        if !kept.iter().any(|it| it.digest == copy.digest) {
            kept.push(copy);
        }
    }
    kept
}

fn is_copy(release: &HeldRelease) -> bool {
    let sources = [release.from.clone(), ReleaseSource::default()];
    let mut sources = sources.iter().map(ReleaseSource::repository);
    sources.any(|source| is_upstreams_own(&release.repository, source))
}

async fn not_held(store: &Store, wanted: &HeldRef) -> Result<Error, Error> {
    let held = releases(store).await?;
    Ok(Error::NotHeld {
        wanted: wanted.to_string(),
        held: held.iter().map(|release| release.tag.to_string()).collect(),
    })
}

fn place_of(release: &HeldRelease) -> String {
    format!("{}:{}", release.repository, release.tag)
}
