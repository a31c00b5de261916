//! Files that a command line asks for: certificates for other machines.
//!
//! Owns their writing, by the caller's own rights and never by the server's. A file appears whole or
//! not at all, and a private key has mode 0600 from its first byte.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::admin::failure::Failure;

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Readers {
    /// Everybody.
    All,
    /// Its owner.
    Owner,
}

/// Writes a file into a directory, which is made if it is missing. Returns its path.
///
/// # Errors
/// When the file system refuses.
pub(super) fn write(
    directory: &Path,
    name: &str,
    text: &str,
    readers: Readers,
) -> Result<PathBuf, Failure> {
    let file = directory.join(name);
    let next = directory.join(format!(".{name}.{}", std::process::id()));
    let written = write_through(directory, &next, &file, text, readers);
    written.map_err(|error| {
        // It may not be there; what counts is the first error.
        let _ = fs::remove_file(&next);
        Failure::because(format!("write {}", file.display()), &error)
    })?;
    Ok(file)
}

fn write_through(
    directory: &Path,
    next: &Path,
    file: &Path,
    text: &str,
    readers: Readers,
) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mode = match readers {
        Readers::All => 0o644,
        Readers::Owner => 0o600,
    };
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(next)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    fs::rename(next, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_replaces_what_everybody_could_read() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("new");
        write(&to, "x.key", "old", Readers::All).unwrap();
        let file = write(&to, "x.key", "secret", Readers::Owner).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "secret");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(&to).unwrap().count(),
            1,
            "nothing else is left"
        );
    }
}
