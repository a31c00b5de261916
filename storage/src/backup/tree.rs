//! Copies what no repository refers to: key material, users, signatures of releases.
//!
//! These files are small and replaced whole, but may belong together: a certificate and the authority
//! that issued it. So all of them are read until two readings agree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Backup;
use super::target::{self, Kept};
use crate::error::Error;
use crate::progress::check_stop;
use crate::walk;

/// How often files are read that change with every reading; each of them is whole all the same.
const READINGS: usize = 10;

/// Files by their paths below the data directory.
type Tree = BTreeMap<PathBuf, Kept>;

impl Backup<'_> {
    pub(super) fn copy_trees(&mut self) -> Result<(), Error> {
        let root = self.shared.layout.root().to_owned();
        let files = read_steady(&root, &self.shared.layout.kept_for_others())?;
        let copy = self.target.layout.root().to_owned();
        let there = read(&copy, &self.target.layout.kept_for_others())?;
        for (path, kept) in &files {
            check_stop(self.stop)?;
            self.target.put(&copy.join(path), kept)?;
        }
        for path in there.keys().filter(|path| !files.contains_key(*path)) {
            self.target.remove(&copy.join(path))?;
        }
        self.target.sync()
    }
}

fn read_steady(root: &Path, from: &[PathBuf]) -> Result<Tree, Error> {
    let mut last = read(root, from)?;
    for _ in 1..READINGS {
        let next = read(root, from)?;
        if next == last {
            break;
        }
        last = next;
    }
    Ok(last)
}

/// All files that are `from`, or lie below it.
fn read(root: &Path, from: &[PathBuf]) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    let mut pending = from.to_vec();
    while let Some(path) = pending.pop() {
        let Some(metadata) = walk::metadata(&path)? else {
            continue;
        };
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let entries = entries.map_err(|source| Error::io("list", &path, source))?;
            pending.extend(entries.into_iter().map(|entry| entry.path()));
        } else if metadata.is_file()
            && let Some(kept) = target::read(&path)?
        {
            let below = path
                .strip_prefix(root)
                .expect("it was found below the root");
            tree.insert(below.to_owned(), kept);
        }
    }
    Ok(tree)
}
