//! Small files of an image, held in memory: all below one directory that are wanted.
//!
//! Layers are looked at from the top, and what one has hides what those below have. Invariant: what is
//! held is bounded, however large the files are, and however many or long their names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use roadstead_storage::oci::Manifest;

use super::super::content::Content;
use super::super::error::ReadError;
use super::archive::{Header, Kind};
use super::path::{Meaning, is_within, upwards};
use super::walk::{Large, Visitor, walk};

/// The largest file that is held, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// How much is held of one image, names and all, in bytes.
const MAX_TOGETHER: u64 = 64 * 1024 * 1024;
/// What a name takes beside its letters, in bytes.
const NAME: u64 = 128;

/// Which files are wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The directory that they lie below.
    pub(super) below: String,
    /// By their path.
    pub(super) by_path: fn(&str) -> bool,
    /// How many there are at most: when so many have been found, no more layers are read.
    pub(super) most: usize,
}

/// The files that are wanted, by their paths.
pub(super) async fn gather(
    content: &Content,
    image: &Manifest,
    wanted: Wanted,
) -> Result<BTreeMap<String, Vec<u8>>, ReadError> {
    let layers = image.blobs().get(1..).ok_or(ReadError::NotAnImage)?;
    let mut found = BTreeMap::new();
    let mut hidden = BTreeSet::new();
    let mut left = MAX_TOGETHER;
    for layer in layers.iter().rev() {
        let visitor = Gathering {
            wanted: wanted.clone(),
            files: BTreeMap::new(),
            hides: BTreeSet::new(),
            left,
        };
        let layer = walk(content, layer, visitor).await?;
        left = layer.left;
        let mut seen = layer.files;
        seen.retain(|path, _| !is_hidden(path, &hidden) && !is_directory(path, &found, &hidden));
        for (path, file) in seen {
            found.entry(path).or_insert(file);
        }
        hidden.extend(layer.hides);
        if found.len() >= wanted.most || is_hidden(&wanted.below, &hidden) {
            break;
        }
    }
    let files = found.into_iter();
    Ok(files
        .filter_map(|(path, file)| Some((path, file?)))
        .collect())
}

/// Whether an upper layer took away a path, or what it lies in.
fn is_hidden(path: &str, hidden: &BTreeSet<String>) -> bool {
    upwards(path).any(|it| hidden.contains(it))
}

/// Whether an upper layer has something below a path: then it is a directory, whatever lower layers have
/// there.
fn is_directory(
    path: &str,
    found: &BTreeMap<String, Option<Vec<u8>>>,
    hidden: &BTreeSet<String>,
) -> bool {
    let below = format!("{path}/");
    let found = found.range(below.clone()..).next().map(|(path, _)| path);
    let hidden = hidden.range(below.clone()..).next();
    let mut first = found.into_iter().chain(hidden);
    first.any(|path| path.starts_with(&below))
}

struct Gathering {
    wanted: Wanted,
    /// What lies in this layer where something is wanted; nothing where it is no file.
    files: BTreeMap<String, Option<Vec<u8>>>,
    /// What lower layers have at these and below is hidden.
    hides: BTreeSet<String>,
    /// How much may still be held, in bytes.
    left: u64,
}

impl Gathering {
    fn concerns(&self, path: &str) -> bool {
        is_within(path, &self.wanted.below) || is_within(&self.wanted.below, path)
    }

    fn take(&mut self, bytes: u64) -> io::Result<()> {
        let most = MAX_TOGETHER;
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| io::Error::other(Large::Together { most }))?;
        Ok(())
    }

    fn hide(&mut self, path: String) -> io::Result<()> {
        self.take(path.len() as u64 + NAME)?;
        self.hides.insert(path);
        Ok(())
    }

    fn keep(&mut self, path: String, file: Option<Vec<u8>>) -> io::Result<()> {
        self.take(path.len() as u64 + NAME)?;
        self.files.insert(path, file);
        Ok(())
    }

    fn read(&mut self, path: &str, size: u64, content: &mut dyn Read) -> io::Result<Vec<u8>> {
        if size > MAX_FILE {
            let (path, most) = (path.to_owned(), MAX_FILE);
            return Err(io::Error::other(Large::File { path, most }));
        }
        self.take(size)?;
        let mut file = Vec::new();
        content.take(size).read_to_end(&mut file)?;
        if file.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(file)
    }
}

impl Visitor for Gathering {
    fn visit(
        &mut self,
        meaning: Meaning,
        header: &Header,
        content: &mut dyn Read,
    ) -> io::Result<bool> {
        let path = match meaning {
            Meaning::Entry(path) | Meaning::Opaque(path) | Meaning::Whiteout(path)
                if !self.concerns(&path) =>
            {
                return Ok(true);
            }
            Meaning::Opaque(dir) | Meaning::Whiteout(dir) => {
                self.hide(dir)?;
                return Ok(true);
            }
            Meaning::Entry(path) => path,
        };
        if is_within(&path, &self.wanted.below) && (self.wanted.by_path)(&path) {
            let file = match header.kind {
                Kind::File => Some(self.read(&path, header.size, content)?),
                _ => None,
            };
            self.keep(path.clone(), file)?;
        }
        // What was a directory in a lower layer is none any more.
        if header.kind != Kind::Directory {
            self.hide(path)?;
        }
        Ok(true)
    }
}
