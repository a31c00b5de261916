//! What a file system can do, found out by trying.
//!
//! FAT and its kin take no colon in a name and have no links. A tree on them is none that oc reads, but
//! an import does.

use std::io;

use roadstead_storage::oci::Digest;

use crate::media::name::UNFINISHED;
use crate::media::tree::Tree;

/// Whoever may look at the media may have what is on it: it is what a registry gives to everybody who
/// may pull, and whoever carries it is seldom who wrote it.
pub(super) const MODE: u32 = 0o644;

/// What a file system can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) colons: bool,
    pub(super) links: bool,
    pub(super) symlinks: bool,
}

impl Style {
    /// Tries it out.
    pub(super) async fn of(tree: &impl Tree) -> io::Result<Self> {
        let (file, other) = (format!("{UNFINISHED}probe"), format!("{UNFINISHED}probe-2"));
        let with_colon = format!("{UNFINISHED}probe:3");
        for path in [&file, &other, &with_colon] {
            tree.remove(path).await.or_else(never_had)?;
        }
        tree.create(&file, MODE).await?;
        let colons = tree.create(&with_colon, MODE).await.is_ok();
        let links = tree.link(&file, &other).await.is_ok();
        if links {
            tree.remove(&other).await?;
        }
        let symlinks = tree.symlink(&file, &other).await.is_ok();
        if symlinks {
            tree.remove(&other).await?;
        }
        if colons {
            tree.remove(&with_colon).await?;
        }
        tree.remove(&file).await?;
        Ok(Self {
            colons,
            links,
            symlinks,
        })
    }

    /// How a file is called that has this digest.
    pub(super) fn name(self, digest: Digest) -> String {
        if self.colons {
            digest.to_string()
        } else {
            format!("{}-{}", digest.algorithm(), digest.hex())
        }
    }

    /// What a person is to know of it.
    pub(super) fn warnings(self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.symlinks || !self.colons {
            warnings.push(
                "the file system lacks what oc needs to read this; `roadstead mirror import` does not"
                    .to_owned(),
            );
        }
        if !self.links {
            warnings.push(
                "the file system has no hard links: what several repositories share is written \
                 for each of them"
                    .to_owned(),
            );
        }
        warnings
    }
}

fn never_had(error: io::Error) -> io::Result<()> {
    match error.kind() {
        // A name with a colon may be none at all there.
        io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
            Ok(())
        }
        _ => Err(error),
    }
}
