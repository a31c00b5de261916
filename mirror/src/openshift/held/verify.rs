//! Reads all of a release again: whether every digest that it names is here, and still what it was.
//!
//! Knows nothing of signatures. Invariant: each blob is read once, however many components share it, and a
//! few pieces of them are in memory at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use roadstead_storage::oci::{Digest, Hasher, Manifest};
use roadstead_storage::{Error as StoreError, Phase, Progress, Repo, Store};
use tokio::task::spawn_blocking;

use super::error::Error;
use super::image::manifest_on_disk;
use super::release::HeldRelease;

/// How many blobs are read at a time.
const AT_ONCE: usize = 4;
/// How much of each.
const PIECE: usize = 1 << 20;
/// The deepest that lists stand in lists.
const MAX_DEPTH: usize = 4;
/// What the release image is called beside its components.
const RELEASE_IMAGE: &str = "release image";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The release image, and then every component that it names.
    pub images: Vec<VerifiedImage>,
    /// How many bytes were read.
    pub bytes: u64,
}

/// One image, with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedImage {
    /// The component.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// What of it is not here.
    pub missing: BTreeSet<Digest>,
    /// What of it is no longer what it was.
    pub damaged: BTreeSet<Digest>,
}

impl Verified {
    /// Whether all is here and as it was.
    pub fn is_whole(&self) -> bool {
        self.images.iter().all(VerifiedImage::is_whole)
    }
}

impl VerifiedImage {
    /// Whether all of it is here and as it was.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty()
    }
}

/// Reads all of a release again; `progress` is told how many bytes that has been.
///
/// # Errors
/// When the store cannot be read, or the release image is whole and still no release.
///
/// # Cancel safety
/// Reads only.
pub async fn verify(
    store: &Store,
    release: &HeldRelease,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Verified, Error> {
    let mut survey = Survey::default();
    let repo = store.repo(&release.repository);
    survey.look_at(&repo, RELEASE_IMAGE, release.digest).await?;
    let is_all_there = survey.images[0].result.is_whole();
    match release.payload(store).await {
        Ok(payload) => {
            let repo = store.repo(&release.components);
            for component in payload.components() {
                let digest = component.image().digest();
                survey.look_at(&repo, component.name(), digest).await?;
            }
        }
        // Its bytes are all there: then either one of them is wrong, which is found below, or it is none.
        Err(error) if is_all_there => {
            let verified = survey.read(&mut progress).await?;
            return if verified.is_whole() {
                Err(error)
            } else {
                Ok(verified)
            };
        }
        Err(_) => {}
    }
    survey.read(&mut progress).await
}

/// What is to be read.
#[derive(Default)]
struct Survey {
    images: Vec<Surveyed>,
    /// Each blob once, with a repository that has it, and its size.
    blobs: BTreeMap<Digest, (Repo, u64)>,
}

struct Surveyed {
    result: VerifiedImage,
    blobs: BTreeSet<Digest>,
}

impl Survey {
    /// Notes what an image consists of, as far as its manifests say.
    async fn look_at(&mut self, repo: &Repo, name: &str, digest: Digest) -> Result<(), Error> {
        let mut image = Surveyed {
            result: VerifiedImage {
                name: name.to_owned(),
                digest,
                missing: BTreeSet::new(),
                damaged: BTreeSet::new(),
            },
            blobs: BTreeSet::new(),
        };
        let mut seen = BTreeSet::from([digest]);
        let mut level = vec![digest];
        for _ in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for digest in level {
                let Some(manifest) = found(repo, digest, &mut image.result).await? else {
                    continue;
                };
                for blob in manifest.blobs().iter().filter(|blob| blob.is_held_here()) {
                    image.blobs.insert(blob.digest);
                }
                let children = manifest.children().iter().map(|child| child.digest);
                next.extend(children.filter(|child| seen.insert(*child)));
            }
            level = next;
        }
        for digest in image.blobs.clone() {
            if let Some(blob) = repo.blob(digest).await? {
                let known = self.blobs.entry(digest);
                known.or_insert_with(|| (repo.clone(), blob.size()));
            } else {
                image.blobs.remove(&digest);
                image.result.missing.insert(digest);
            }
        }
        self.images.push(image);
        Ok(())
    }

    /// Reads every blob, and says what became of each image.
    async fn read(self, progress: &mut (impl FnMut(Progress) + Send)) -> Result<Verified, Error> {
        let total = self.blobs.values().map(|(_, size)| size).sum();
        let reached = Mutex::new((0, progress));
        let told = |length: usize| {
            let mut reached = reached.lock().unwrap_or_else(PoisonError::into_inner);
            reached.0 += length as u64;
            let done = reached.0;
            reached.1(Progress {
                phase: Phase::Hash,
                done,
                total: Some(total),
            });
        };
        let blobs = self.blobs.into_iter().map(|(digest, (repo, _))| {
            let told = &told;
            async move { Ok::<_, Error>((digest, is_intact(digest, &repo, told).await?)) }
        });
        let checked = stream::iter(blobs).buffer_unordered(AT_ONCE);
        let intact: HashMap<Digest, bool> = checked.try_collect().await?;
        let images = self.images.into_iter().map(|mut image| {
            let blobs = image.blobs.into_iter();
            let damaged = blobs.filter(|blob| intact.get(blob) == Some(&false));
            image.result.damaged.extend(damaged);
            image.result
        });
        Ok(Verified {
            images: images.collect(),
            bytes: total,
        })
    }
}

/// Reads a manifest of an image; what is wrong with it is noted there.
async fn found(
    repo: &Repo,
    digest: Digest,
    image: &mut VerifiedImage,
) -> Result<Option<Manifest>, Error> {
    match manifest_on_disk(repo, digest).await {
        Ok(manifest) => return Ok(Some(manifest)),
        Err(Error::Gone { .. }) => drop(image.missing.insert(digest)),
        Err(Error::Manifest { .. } | Error::Store(StoreError::Damaged { .. })) => {
            image.damaged.insert(digest);
        }
        Err(error) => return Err(error),
    }
    Ok(None)
}

/// Whether a blob still is what its digest says.
async fn is_intact(
    digest: Digest,
    repo: &Repo,
    told: &(impl Fn(usize) + Sync),
) -> Result<bool, Error> {
    let Some(blob) = repo.blob(digest).await? else {
        return Ok(false);
    };
    let mut hasher = Hasher::new(digest.algorithm());
    let mut offset = 0;
    while offset < blob.size() {
        let piece = match blob.read(offset, PIECE).await {
            Ok(piece) => piece,
            Err(StoreError::Damaged { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let length = piece.len();
        let work = spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        });
        hasher = work.await.expect("hashing bytes does not panic");
        offset += length as u64;
        told(length);
    }
    Ok(hasher.finish() == digest)
}
