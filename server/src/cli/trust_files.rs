//! What a command line names to judge releases by: files of keys, and stores of signatures.
//!
//! Files and directories are read here, with the caller's rights. Invariant: no more is read than one command
//! may bring along, and what is passed over in a directory is nothing that could be a signature.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use roadstead_mirror::openshift::signature::StoreUrl;
use roadstead_storage::oci::Digest;

use crate::admin::failure::{Exit, Failure};
use crate::admin::release::trust::{Encoded, GivenFile, GivenSignature, GivenStore, GivenTrust};

/// What all files of a command may take together, in bytes.
const MAX_ALL: u64 = 4 * 1024 * 1024;

/// Reads what a command line names: `--release-key FILE`, `--signature-store URL|DIR`,
/// `--allow-unsigned`.
///
/// # Errors
/// Names what cannot be read, or is no store.
pub(super) fn read(
    keys: &[PathBuf],
    stores: &[String],
    allow_unsigned: bool,
) -> Result<GivenTrust, Failure> {
    let mut reader = Reader { left: MAX_ALL };
    let keys = keys.iter().map(|file| reader.key(file));
    let keys = keys.collect::<Result<_, _>>()?;
    let stores = stores.iter().map(|named| reader.store(named));
    Ok(GivenTrust {
        keys,
        stores: stores.collect::<Result<_, _>>()?,
        allow_unsigned,
    })
}

/// Reads files until they are too much.
struct Reader {
    /// How many bytes more may be read.
    left: u64,
}

impl Reader {
    fn key(&mut self, file: &Path) -> Result<GivenFile, Failure> {
        let attempt = || format!("read the release key {}", file.display());
        let bytes = self.file(file).map_err(|why| why.told(attempt()))?;
        Ok(GivenFile {
            name: file.display().to_string(),
            bytes: Encoded(bytes),
        })
    }

    fn store(&mut self, named: &str) -> Result<GivenStore, Failure> {
        if named.contains("://") {
            let attempt = "understand a URL of --signature-store";
            let url = named.parse::<StoreUrl>();
            let url = url.map_err(|error| Failure::because(attempt, &error).exit(Exit::Usage))?;
            return Ok(GivenStore::Web(url));
        }
        let attempt = || format!("read the signature store {named}");
        let found = self.directory(Path::new(named));
        let found = found.map_err(|why| why.told(attempt()))?;
        if found.is_empty() {
            let hint = "it should hold files sha256=<digest>/signature-1 and so on";
            return Err(Failure::new(attempt())
                .since("there is no signature in it")
                .hint(hint));
        }
        Ok(GivenStore::Directory(found))
    }

    /// All signatures in a directory that is laid out as stores on the web are.
    fn directory(&mut self, directory: &Path) -> Result<Vec<GivenSignature>, Why> {
        let mut found = Vec::new();
        for (path, name) in entries(directory)? {
            let release = name.replacen('=', ":", 1).parse::<Digest>();
            let Ok(release) = release else { continue };
            if !path.is_dir() {
                continue;
            }
            for (path, name) in entries(&path)? {
                let Some(number) = number(&name) else {
                    continue;
                };
                let bytes = Encoded(self.file(&path)?);
                found.push(GivenSignature {
                    release,
                    number,
                    bytes,
                });
            }
        }
        Ok(found)
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>, Why> {
        let failed = |source| Why::Io {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        let read = file.take(self.left + 1).read_to_end(&mut bytes);
        read.map_err(failed)?;
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(Why::TooMuch)?;
        Ok(bytes)
    }
}

/// Why something was not read.
enum Why {
    Io { path: PathBuf, source: io::Error },
    TooMuch,
}

impl Why {
    fn told(self, attempt: String) -> Failure {
        match self {
            Self::Io { path, source } => Failure::new(attempt)
                .since(format!("read {}", path.display()))
                .with_causes(Some(&source)),
            Self::TooMuch => Failure::new(attempt)
                .since(format!(
                    "keys and signatures are larger than {MAX_ALL} bytes together"
                ))
                .hint("name a directory that holds the signatures of the release alone"),
        }
    }
}

/// What lies in a directory, by name and in order. What is not named in UTF-8 is none of a store's.
fn entries(directory: &Path) -> Result<Vec<(PathBuf, String)>, Why> {
    let listed = || -> io::Result<Vec<_>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push((entry.path(), name));
            }
        }
        entries.sort();
        Ok(entries)
    };
    listed().map_err(|source| Why::Io {
        path: directory.to_owned(),
        source,
    })
}

/// The number in the name of a signature.
fn number(name: &str) -> Option<u8> {
    let number: u8 = name.strip_prefix("signature-")?.parse().ok()?;
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(byte: &str) -> Digest {
        format!("sha256:{}", byte.repeat(32)).parse().unwrap()
    }

    fn put(directory: &Path, release: Digest, number: u8, bytes: &[u8]) {
        let folder = directory.join(format!("sha256={}", release.hex()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("signature-{number}")), bytes).unwrap();
    }

    fn refused(keys: &[PathBuf], stores: &[String]) -> Failure {
        read(keys, stores, false).unwrap_err()
    }

    #[test]
    fn keys_and_stores_are_brought_along_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (key, store) = (dir.path().join("key.asc"), dir.path().join("store"));
        fs::write(&key, b"\x99key").unwrap();
        for (byte, number, bytes) in [("a1", 2, b"two"), ("a1", 1, b"one"), ("b2", 1, b"oth")] {
            put(&store, release(byte), number, bytes);
        }
        fs::write(store.join("README"), "not a signature").unwrap();
        let url = "https://signatures.example.com/release".to_owned();
        let stores = [store.display().to_string(), url.clone()];
        let given = read(std::slice::from_ref(&key), &stores, true).unwrap();
        assert!(given.allow_unsigned);
        assert_eq!(given.keys[0].name, key.display().to_string());
        assert_eq!(given.keys[0].bytes.0, b"\x99key");
        let GivenStore::Directory(found) = &given.stores[0] else {
            panic!("{:?}", given.stores);
        };
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.release, found.number, &found.bytes.0[..]))
            .collect();
        let expected: [(_, _, &[u8]); 3] = [
            (release("a1"), 1, b"one"),
            (release("a1"), 2, b"two"),
            (release("b2"), 1, b"oth"),
        ];
        assert_eq!(found, expected);
        assert_eq!(given.stores[1], GivenStore::Web(url.parse().unwrap()));
        assert_eq!(read(&[], &[], false).unwrap(), GivenTrust::default());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let failure = refused(std::slice::from_ref(&missing), &[]);
        assert!(failure.attempt.contains("missing"), "{failure:?}");
        assert!(!failure.because.is_empty());
        let failure = refused(&[], &[missing.display().to_string()]);
        assert!(failure.attempt.contains("missing"), "{failure:?}");
        let failure = refused(&[], &[dir.path().display().to_string()]);
        assert!(failure.hint.is_some(), "{failure:?}");
        let failure = refused(&[], &["ftp://a.example".to_owned()]);
        assert_eq!(failure.exit, Exit::Usage);
        let failure = refused(&[], &["https://ann:secret@a.example".to_owned()]);
        assert!(!format!("{failure:?}").contains("secret"));
    }

    #[test]
    fn no_more_is_read_than_a_command_may_bring_along() {
        let dir = tempfile::tempdir().unwrap();
        for number in 1..=5 {
            put(dir.path(), release("a1"), number, &vec![0; 1 << 20]);
        }
        let failure = refused(&[], &[dir.path().display().to_string()]);
        assert!(failure.because[0].contains("4194304"), "{failure:?}");
        // A file without an end is not read to it.
        let failure = refused(&["/dev/zero".into()], &[]);
        assert!(failure.because[0].contains("4194304"), "{failure:?}");
    }
}
