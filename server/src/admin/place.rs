//! Where a backup goes, and what to do when it cannot go there.
//!
//! The one path that crosses the socket: a backup is written by who holds the store, for it may take
//! hours and holds its keys. A service can be shown another /tmp, /home or disk than whoever gives
//! commands, so a place also says which directory is meant. Invariant: nothing is written to a place
//! that the two see differently. Knows nothing of what is written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use roadstead_storage::Error as StoreError;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

/// A directory that becomes a backup. It may be missing, but not what it lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Its absolute path.
    dir: PathBuf,
    /// What of it is there: itself, or what it lies in.
    there: PathBuf,
    identity: Identity,
}

/// What a path leads to, wherever one looks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Place {
    /// The place as it is seen from here.
    ///
    /// # Errors
    /// When neither it nor what it lies in is a directory, or its path cannot be told to a server.
    pub(crate) fn seen(dir: &Path) -> io::Result<Self> {
        let dir = std::path::absolute(dir)?;
        if dir.to_str().is_none() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path is not UTF-8",
            ));
        }
        let above = dir.parent().unwrap_or(&dir);
        let (there, identity) = match identify(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (above, identify(above)?),
            itself => (dir.as_path(), itself?),
        };
        Ok(Self {
            there: there.to_owned(),
            identity,
            dir,
        })
    }

    /// Its path.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What of it should be there and is not, or is another, as seen by this process. Where it may not
    /// look, the backup itself will say so.
    pub(super) fn unseen(&self) -> Option<&Path> {
        let is_seen = match identify(&self.there) {
            Ok(identity) => identity == self.identity,
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        };
        (!is_seen).then_some(&self.there)
    }

    /// What to do after this error of a backup that was to go there.
    pub(super) fn way_out(&self, error: &StoreError) -> Option<String> {
        let dir = self.dir.display();
        let uid = geteuid().as_raw();
        match error {
            StoreError::NotForBackup { .. } => Some(
                "name a directory that is new, or empty, or an earlier backup; not in the data"
                    .to_owned(),
            ),
            StoreError::Full { .. } => Some(
                "make room there; the same command then goes on where this one stopped".to_owned(),
            ),
            StoreError::Locked { .. } => {
                Some("wait for the other backup, or stop the server that runs on it".to_owned())
            }
            StoreError::WorldWritable { .. } => Some(format!("chmod o-w {dir}")),
            StoreError::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Some(format!(
                    "uid {uid}, which holds the store, writes it: install -d -o {uid} -m 700 {dir}"
                )),
                io::ErrorKind::ReadOnlyFilesystem => Some(format!(
                    "a service may write to its own data only, unless its unit says \
                     ReadWritePaths={dir}: systemctl edit roadstead"
                )),
                _ => None,
            },
            _ => None,
        }
    }
}

fn identify(dir: &Path) -> io::Result<Identity> {
    let metadata = fs::metadata(dir)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_missing_is_known_by_what_it_lies_in() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Place::seen(&dir.path().join("copy")).unwrap();
        assert_eq!(missing.unseen(), None);
        Place::seen(&dir.path().join("not/there")).unwrap_err();
        fs::write(dir.path().join("file"), "").unwrap();
        Place::seen(&dir.path().join("file")).unwrap_err();
        assert!(Place::seen(Path::new("copy")).unwrap().dir().is_absolute());
    }

    #[test]
    fn another_directory_of_the_same_name_is_not_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let (here, other) = (dir.path().join("here"), dir.path().join("other"));
        fs::create_dir(&here).unwrap();
        fs::create_dir(&other).unwrap();
        let (itself, in_it) = (
            Place::seen(&here).unwrap(),
            Place::seen(&here.join("copy")).unwrap(),
        );
        // As under another mount.
        fs::rename(&here, dir.path().join("hidden")).unwrap();
        fs::rename(&other, &here).unwrap();
        assert_eq!(itself.unseen(), Some(here.as_path()));
        assert_eq!(in_it.unseen(), Some(here.as_path()));
        fs::remove_dir(&here).unwrap();
        assert_eq!(itself.unseen(), Some(here.as_path()));
    }
}
