//! A temporary directory that is gone when the test is.
//!
//! It lies under `$TMPDIR`, may be entered by other users (a registry may run as one), and its path
//! is short enough for Unix sockets.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A temporary directory, removed with all that is in it.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes an empty one.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rs.")
            .tempdir()
            .expect("make a scratch directory");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("open it to all");
        Self(dir)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of something in it, which need not exist.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Makes a directory in it, with its parents.
    pub fn dir(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("make {}: {error}", path.display()));
        path
    }

    /// Writes a file in it, with its parents.
    pub fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("make the parents of a scratch file");
        }
        File::create(&path)
            .and_then(|mut file| file.write_all(content.as_ref()))
            .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
