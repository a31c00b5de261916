//! Tells whether a folder is still what it was: one hash over the names and bytes of all its files.
//!
//! Meant for folders that nobody writes to meanwhile. Knows nothing of what the files are.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::oci::{Algorithm, Digest, Hasher};

/// What is read at once, in bytes.
const STEP: usize = 256 * 1024;

/// Hashes all files below `dir`, in the order of their names.
pub(crate) fn hash_folder(dir: &Path) -> io::Result<Digest> {
    let mut files = Vec::new();
    list_files(dir, &mut files)?;
    files.sort_unstable();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for path in files {
        let mut file = File::open(&path)?;
        let name = path.strip_prefix(dir).unwrap_or(&path);
        let name = name.as_os_str().as_encoded_bytes();
        // Lengths first, so that no byte can pass from a name to a file or from one file to the next.
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(&file.metadata()?.len().to_le_bytes());
        hasher.update(name);
        let mut buffer = vec![0; STEP];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
    }
    Ok(hasher.finish())
}

fn list_files(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            list_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_bytes_or_names_is_another() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("inner")).expect("makes a directory");
        let write = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).expect("writes");
        };
        let hash = || hash_folder(dir.path()).expect("reads");
        write("a", "1");
        write("inner/b", "2");
        let before = hash();
        assert_eq!(hash(), before);
        write("inner/b", "3");
        assert_ne!(hash(), before);
        write("inner/b", "2");
        assert_eq!(hash(), before);
        write("c", "");
        assert_ne!(hash(), before);
    }
}
