//! Reads directories of the store: the names in them, as the types they were made from.
//!
//! A file whose name does not parse is none of ours and is passed over.

use std::fs;
use std::io;
use std::path::Path;

use crate::disk::Disk;
use crate::error::Error;
use crate::layout::RepoLayout;
use crate::oci::{Algorithm, Digest, RepoName};

/// What lies in a directory and parses; nothing when there is no directory.
pub(crate) fn names<T>(dir: &Path, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|source| Error::io("list", dir, source))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("list", dir, source))?;
        names.extend(entry.file_name().to_str().and_then(&parse));
    }
    Ok(names)
}

/// What is known of a file; `None` when there is none.
pub(crate) fn metadata(path: &Path) -> Result<Option<fs::Metadata>, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found
            .map(Some)
            .map_err(|source| Error::io("look at", path, source)),
    }
}

/// The digests below a folder of `<algorithm>/<hex>`.
pub(crate) fn digests(dir: &Path) -> Result<Vec<Digest>, Error> {
    let mut digests = Vec::new();
    for algorithm in Algorithm::ALL {
        let folder = dir.join(algorithm.as_str());
        digests.extend(names(&folder, |name| {
            Digest::from_hex(algorithm, name).ok()
        })?);
    }
    Ok(digests)
}

/// Every repository below `repos`, a parent before its children: for who changes them on the way.
pub(crate) fn all_repositories(repos: &Path) -> Result<Vec<RepoName>, Error> {
    let mut all = Vec::new();
    repositories(repos, &mut |name| {
        all.push(name);
        Ok(())
    })?;
    Ok(all)
}

/// Calls `visit` with every repository below `repos`, a parent before its children.
pub(crate) fn repositories(
    repos: &Path,
    visit: &mut impl FnMut(RepoName) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut pending = vec![String::new()];
    while let Some(parent) = pending.pop() {
        for child in names(&repos.join(&parent), |name| Some(name.to_owned()))? {
            let path = if parent.is_empty() {
                child
            } else {
                format!("{parent}/{child}")
            };
            let Ok(name) = path.parse::<RepoName>() else {
                continue;
            };
            if is_repository(&repos.join(&path)) {
                visit(name)?;
            }
            pending.push(path);
        }
    }
    Ok(())
}

/// Whether a directory is a repository itself, and not merely on the way to one.
pub(crate) fn is_repository(dir: &Path) -> bool {
    RepoLayout::FOLDERS
        .iter()
        .any(|folder| dir.join(folder).is_dir())
}

/// Every blob below `blobs`.
pub(crate) fn blobs(blobs: &Path) -> Result<Vec<Digest>, Error> {
    let mut digests = Vec::new();
    for algorithm in Algorithm::ALL {
        let folder = blobs.join(algorithm.as_str());
        for shard in names(&folder, |name| Some(name.to_owned()))? {
            let parse = |name: &str| Digest::from_hex(algorithm, name).ok();
            digests.extend(names(&folder.join(shard), parse)?);
        }
    }
    Ok(digests)
}

/// Removes a directory and the empty directories below it. What holds a file stays.
pub(crate) fn remove_empty(disk: &Disk, dir: &Path) -> Result<(), Error> {
    for child in names(dir, |name| Some(dir.join(name)))? {
        if child.is_dir() {
            remove_empty(disk, &child)?;
        }
    }
    disk.remove_dir(dir).map(drop)
}
