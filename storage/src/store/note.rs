//! Notes that others keep in the store's directory, `state/<subject>/<name>`: what became of a job.
//!
//! Owns how they are named, written and read; what stands in them is theirs. Invariant: a note is
//! replaced whole, and no name leads out of its directory.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::sync::Arc;

use super::Store;
use crate::error::Error;
use crate::pool::blocking;

impl Store {
    /// What was noted under a name, if there is something.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn note(&self, subject: &'static str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.0.shared.layout.note(subject, &file_name(name));
        blocking(move || match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("read", &path, source)),
        })
        .await
    }

    /// The names under which something is noted, in order.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn notes(&self, subject: &'static str) -> Result<Vec<String>, Error> {
        let dir = self.0.shared.layout.notes(subject);
        blocking(move || {
            let listed = match fs::read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                listed => listed.map_err(|source| Error::io("list", &dir, source))?,
            };
            let mut names = Vec::new();
            for entry in listed {
                let entry = entry.map_err(|source| Error::io("list", &dir, source))?;
                // What has another name than notes have is nobody's.
                names.extend(entry.file_name().to_str().and_then(name_of));
            }
            names.sort_unstable();
            Ok(names)
        })
        .await
    }

    /// Forgets what was noted under a name.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn forget_note(&self, subject: &'static str, name: &str) -> Result<(), Error> {
        let shared = Arc::clone(&self.0.shared);
        let path = shared.layout.note(subject, &file_name(name));
        blocking(move || shared.disk.remove(&path).map(drop)).await
    }

    /// Notes something under a name, in place of what was noted there.
    ///
    /// # Errors
    /// The file system's; what was noted before then stays.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn keep_note(
        &self,
        subject: &'static str,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let shared = Arc::clone(&self.0.shared);
        let path = shared.layout.note(subject, &file_name(name));
        blocking(move || shared.disk.put(&shared.layout.tmp_file(), &path, &bytes)).await
    }
}

/// A name as one component of a path: all but letters, digits, `-` and `_` is escaped as in a URL.
fn file_name(name: &str) -> String {
    let mut file = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => file.push(byte.into()),
            _ => write!(file, "%{byte:02X}").expect("a string takes what is written"),
        }
    }
    file.push_str(".json");
    file
}

/// The name that a file is of.
fn name_of(file: &str) -> Option<String> {
    let mut escaped = file.strip_suffix(".json")?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = escaped.next() {
        if byte != b'%' {
            name.push(byte);
            continue;
        }
        let digits = [escaped.next()?, escaped.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        name.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_name_is_one_component_whatever_it_is() {
        assert_eq!(file_name("base-images_1"), "base-images_1.json");
        assert_eq!(file_name("../a b"), "%2E%2E%2Fa%20b.json");
        assert_eq!(file_name("é"), "%C3%A9.json");
        for name in ["base-images_1", "../a b", "é", "4.18.7-x86_64"] {
            assert_eq!(name_of(&file_name(name)).as_deref(), Some(name));
        }
        for other in ["a", "%.json", "%zz.json", "%FF.json"] {
            assert_eq!(name_of(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_note_is_read_back_until_another_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(Config::new(dir.path()))
            .await
            .unwrap();
        assert_eq!(store.note("jobs", "a/b").await.unwrap(), None);
        for text in [b"one".to_vec(), b"two".to_vec()] {
            store.keep_note("jobs", "a/b", text.clone()).await.unwrap();
            assert_eq!(store.note("jobs", "a/b").await.unwrap(), Some(text));
        }
        store.keep_note("jobs", "4.1", Vec::new()).await.unwrap();
        assert_eq!(store.notes("jobs").await.unwrap(), ["4.1", "a/b"]);
        store.forget_note("jobs", "4.1").await.unwrap();
        store.forget_note("jobs", "never").await.unwrap();
        assert_eq!(store.notes("jobs").await.unwrap(), ["a/b"]);
        assert!(store.notes("none").await.unwrap().is_empty());
    }
}
