//! What there is in a tree: repositories, their manifests, tags and blobs, by name.
//!
//! Believes names as far as they say where something may be found, never what it is. Forgives what
//! copying does to a tree: links that became files, hard links that are gone, dashes for colons, what
//! was left half way. Invariant: a link leads to a name beside itself or nowhere, and what leads
//! nowhere is named.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use roadstead_storage::oci::{Algorithm, Digest, MAX_MANIFEST, RepoName, Tag};
use serde::{Deserialize, Serialize};

use super::failure::{Error, Failure};
use super::name::{self, Folder, REPOSITORIES, SIGNATURES, below};
use super::tree::{Entry, Kind, LONGEST, Tree};

/// How many files a tree may have.
const MOST: usize = 4_000_000;

/// What there is in a tree.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) repositories: BTreeMap<RepoName, Held>,
    /// Where what has a digest may be found.
    pub(super) places: HashMap<Digest, Vec<Place>>,
    /// Files that may hold signatures of releases.
    pub(super) signatures: Vec<String>,
    pub(super) refused: Vec<Refused>,
    files: usize,
}

/// What a repository of a tree has by name.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) tags: BTreeMap<Tag, Digest>,
    pub(super) manifests: BTreeSet<Digest>,
}

/// A file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) size: u64,
}

/// Something in a tree that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Where it lies.
    pub path: String,
    /// Why it was.
    pub because: String,
}

impl Survey {
    /// Looks through a tree.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(super) async fn of(tree: &impl Tree) -> Result<Self, Error> {
        let base = base(tree).await?;
        let mut survey = Self::default();
        let top = below(base, REPOSITORIES);
        let mut directories = vec![String::new()];
        while let Some(directory) = directories.pop() {
            let path = match directory.as_str() {
                "" => top.clone(),
                directory => below(&top, directory),
            };
            for entry in survey.list(tree, &path).await? {
                let name = below(&directory, &entry.name);
                match (entry.kind, folder(&entry.name)) {
                    (Kind::Directory, Some(folder)) if !directory.is_empty() => {
                        survey.take(tree, &directory, &path, folder).await?;
                    }
                    (Kind::Directory, _) => directories.push(name),
                    (Kind::Link { .. }, _) => survey.refuse(&below(&top, &name), "it is a link"),
                    _ => {}
                }
            }
        }
        survey
            .find_signatures(tree, &below(base, SIGNATURES))
            .await?;
        Ok(survey)
    }

    async fn list(&mut self, tree: &impl Tree, path: &str) -> Result<Vec<Entry>, Error> {
        let entries = tree.list(path).await?;
        self.files += entries.len();
        if self.files > MOST {
            return Err(Error::TooLarge { most: MOST });
        }
        Ok(entries)
    }

    /// Takes what a folder of a repository has.
    async fn take(
        &mut self,
        tree: &impl Tree,
        repository: &str,
        directory: &str,
        folder: Folder,
    ) -> Result<(), Error> {
        let path = below(directory, folder.as_str());
        let Ok(repository) = repository.parse::<RepoName>() else {
            self.refuse(&path, "the directories that it lies in name no repository");
            return Ok(());
        };
        for entry in self.list(tree, &path).await? {
            if name::is_unfinished(&entry.name) {
                continue;
            }
            let path = below(&path, &entry.name);
            match folder {
                Folder::Blobs => self.take_blob(path, entry),
                Folder::Manifests => self.take_manifest(tree, &repository, path, entry).await?,
            }
        }
        Ok(())
    }

    fn take_blob(&mut self, path: String, entry: Entry) {
        match (entry.kind, name::digest(&entry.name)) {
            (Kind::File { size }, Some(digest)) => self.place(digest, path, size),
            (Kind::File { .. }, None) => self.refuse(&path, "its name is no digest"),
            _ => self.refuse(&path, "it is no file"),
        }
    }

    async fn take_manifest(
        &mut self,
        tree: &impl Tree,
        repository: &RepoName,
        path: String,
        entry: Entry,
    ) -> Result<(), Error> {
        let (digest, tag) = (name::digest(&entry.name), entry.name.parse::<Tag>().ok());
        match (entry.kind, tag) {
            (Kind::File { size }, tag) => {
                // A tag whose link was lost holds its manifest. The tag that lists referrers looks like
                // a digest written with a dash.
                let held = match (digest, &tag) {
                    (Some(digest), None) => Some(digest),
                    (None, None) => None,
                    (digest, Some(_)) => digest_of(tree, &path, size, digest).await?,
                };
                let Some(held) = held else {
                    self.refuse(&path, "it is no manifest");
                    return Ok(());
                };
                self.place(held, path, size);
                let of = self.repositories.entry(repository.clone()).or_default();
                match tag {
                    Some(tag) if digest != Some(held) => drop(of.tags.insert(tag, held)),
                    _ => drop(of.manifests.insert(held)),
                }
            }
            (Kind::Link { target }, Some(tag)) => match name::digest(&target) {
                Some(digest) => {
                    let of = self.repositories.entry(repository.clone()).or_default();
                    of.tags.insert(tag, digest);
                }
                None => self.refuse(&path, &format!("it leads to \"{}\"", target.escape_debug())),
            },
            (Kind::Link { .. }, None) => self.refuse(&path, "it is a link, and named by no tag"),
            _ => self.refuse(&path, "it is no file"),
        }
        Ok(())
    }

    /// Where something lies that has so many bytes.
    pub(super) fn place_of(&self, digest: Digest, expected: u64) -> Result<&Place, Failure> {
        let mut places = self.places.get(&digest).into_iter().flatten().peekable();
        let Some(first) = places.peek().copied() else {
            return Err(Failure::Missing { digest });
        };
        let of_size = places.find(|place| place.size == expected);
        of_size.ok_or_else(|| Failure::Size {
            path: first.path.clone(),
            size: first.size,
            expected,
        })
    }

    fn place(&mut self, digest: Digest, path: String, size: u64) {
        let place = Place { path, size };
        self.places.entry(digest).or_default().push(place);
    }

    fn refuse(&mut self, path: &str, because: &str) {
        self.refused.push(Refused {
            path: path.to_owned(),
            because: because.to_owned(),
        });
    }

    async fn find_signatures(&mut self, tree: &impl Tree, directory: &str) -> Result<(), Error> {
        if tree.describe(directory).await? != Some(Kind::Directory) {
            return Ok(());
        }
        for entry in self.list(tree, directory).await? {
            let is_meant = entry.name.starts_with("signature-")
                && [".json", ".yaml", ".yml"]
                    .iter()
                    .any(|end| entry.name.ends_with(end));
            if is_meant && matches!(entry.kind, Kind::File { .. }) {
                self.signatures.push(below(directory, &entry.name));
            }
        }
        Ok(())
    }
}

/// Where repositories lie: in the tree itself, or in `mirror/`, to which its commands write by habit.
async fn base(tree: &impl Tree) -> Result<&'static str, Error> {
    for base in ["", "mirror"] {
        let top = below(base, REPOSITORIES);
        if tree.describe(&top).await.ok().flatten() == Some(Kind::Directory) {
            return Ok(base);
        }
    }
    Err(Error::NoTree)
}

fn folder(name: &str) -> Option<Folder> {
    let folders = [Folder::Blobs, Folder::Manifests].into_iter();
    folders.into_iter().find(|folder| folder.as_str() == name)
}

/// The digest of a file by its bytes, by the algorithm of the one that it may have; nothing for what is
/// too large for a manifest, or cannot be read.
async fn digest_of(
    tree: &impl Tree,
    path: &str,
    size: u64,
    maybe: Option<Digest>,
) -> Result<Option<Digest>, Error> {
    if size > MAX_MANIFEST as u64 {
        return Ok(None);
    }
    let algorithm = maybe.map_or(Algorithm::Sha256, |digest| digest.algorithm());
    match small(tree, path, size).await {
        Ok(bytes) => Ok(Some(Digest::of(algorithm, &bytes))),
        Err(failure) => failure.or_end().map(|_| None),
    }
}

/// A file that is no larger than a manifest; what is larger is cut.
pub(super) async fn small(tree: &impl Tree, path: &str, size: u64) -> Result<Vec<u8>, Failure> {
    let most = size.min(MAX_MANIFEST as u64 + 1);
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < most {
        let left = most - bytes.len() as u64;
        let length = u32::try_from(left).unwrap_or(LONGEST).min(LONGEST);
        let piece = tree.read(path, bytes.len() as u64, length).await?;
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
