//! Small files of an image, held in memory: all below one directory that are wanted.
//!
//! Layers are looked at from the top, and what one has hides what those below have. Invariant: what is
//! held is bounded, however large the files say they are.

use std::collections::BTreeMap;
use std::io::{self, Read};

use roadstead_storage::oci::Manifest;

use super::super::content::Content;
use super::super::error::ReadError;
use super::archive::{Header, Kind};
use super::path::{Meaning, is_within};
use super::walk::{Large, Visitor, walk};

/// The largest file that is held, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// How much is held of one image, in bytes.
const MAX_TOGETHER: u64 = 64 * 1024 * 1024;

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
    let mut hidden: Vec<String> = Vec::new();
    let mut left = MAX_TOGETHER;
    for layer in layers.iter().rev() {
        let visitor = Gathering {
            wanted: wanted.clone(),
            files: BTreeMap::new(),
            hides: Vec::new(),
            left,
        };
        let layer = walk(content, layer, visitor).await?;
        left = layer.left;
        for (path, file) in layer.files {
            let is_hidden = hidden.iter().any(|hidden| is_within(&path, hidden));
            if !is_hidden {
                found.entry(path).or_insert(file);
            }
        }
        hidden.extend(layer.hides);
        if found.len() >= wanted.most || hidden.contains(&wanted.below) {
            break;
        }
    }
    let files = found.into_iter();
    Ok(files
        .filter_map(|(path, file)| Some((path, file?)))
        .collect())
}

struct Gathering {
    wanted: Wanted,
    /// What lies in this layer where something is wanted; nothing where it is no file.
    files: BTreeMap<String, Option<Vec<u8>>>,
    /// What lower layers have below these is hidden.
    hides: Vec<String>,
    left: u64,
}

impl Gathering {
    fn concerns(&self, path: &str) -> bool {
        is_within(path, &self.wanted.below) || is_within(&self.wanted.below, path)
    }

    fn read(&mut self, path: &str, content: &mut dyn Read) -> io::Result<Vec<u8>> {
        let most = MAX_FILE.min(self.left);
        let mut file = Vec::new();
        content.take(most + 1).read_to_end(&mut file)?;
        let length = file.len() as u64;
        if length > most {
            let path = path.to_owned();
            return Err(io::Error::other(Large { path, most }));
        }
        self.left -= length;
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
        match meaning {
            Meaning::Opaque(dir) | Meaning::Whiteout(dir) => {
                if self.concerns(&dir) {
                    self.hides.push(dir);
                }
            }
            Meaning::Entry(path) if !self.concerns(&path) => {}
            Meaning::Entry(_) if header.kind == Kind::Directory => {}
            Meaning::Entry(path) => {
                let is_wanted =
                    is_within(&path, &self.wanted.below) && (self.wanted.by_path)(&path);
                if is_wanted {
                    let file = match header.kind {
                        Kind::File => {
                            let file = self.read(&path, content)?;
                            if file.len() as u64 != header.size {
                                return Err(io::ErrorKind::UnexpectedEof.into());
                            }
                            Some(file)
                        }
                        _ => None,
                    };
                    self.files.insert(path.clone(), file);
                }
                // What was a directory in a lower layer is none any more.
                self.hides.push(path);
            }
        }
        Ok(true)
    }
}
