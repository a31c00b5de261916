//! Signatures of releases, `signatures/<algorithm>=<hex>/signature-<n>`: bytes that say who vouches for
//! a digest.
//!
//! Owns how they are numbered, written and read; whether they are good is for others to judge, each time
//! anew. Invariant: what was kept once has its number until all signatures of its release are removed,
//! and the same bytes are kept once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::{Inner, Store};
use crate::error::Error;
use crate::layout::parse_signature_name;
use crate::oci::Digest;
use crate::pool::blocking;
use crate::walk;

/// The most bytes of one.
const MAX_SIGNATURE: usize = 64 * 1024;
/// The most of one release.
const MAX_NUMBER: u8 = 99;

impl Store {
    /// The signatures of a release, in the order of their numbers.
    ///
    /// # Errors
    /// [`Error::Damaged`] when one is too large to be one, and the file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn signatures(&self, release: Digest) -> Result<Vec<Bytes>, Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let signatures = inner.signatures(&release)?.into_iter();
            Ok(signatures.map(|(_, bytes)| bytes).collect())
        })
        .await
    }

    /// Keeps a signature of a release under the first number that is free, or finds it there already.
    /// Returns its number. The release itself need not be here.
    ///
    /// # Errors
    /// [`Error::SignatureTooLarge`], [`Error::TooManySignatures`], [`Error::Damaged`], and the file
    /// system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn keep_signature(&self, release: Digest, signature: Bytes) -> Result<u8, Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _one_at_a_time = inner.signing.blocking_lock(&release);
            inner.keep_signature(&release, &signature)
        })
        .await
    }

    /// Removes all signatures of a release. Returns how many there were.
    ///
    /// # Errors
    /// The file system's; some may then be gone.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn remove_signatures(&self, release: Digest) -> Result<usize, Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _one_at_a_time = inner.signing.blocking_lock(&release);
            inner.remove_signatures(&release)
        })
        .await
    }
}

impl Inner {
    fn signatures(&self, release: &Digest) -> Result<Vec<(u8, Bytes)>, Error> {
        let layout = &self.shared.layout;
        let mut signatures = Vec::new();
        for number in self.numbers(release)? {
            // One that goes meanwhile is not there.
            if let Some(bytes) = read(&layout.signature(release, number))? {
                signatures.push((number, bytes));
            }
        }
        Ok(signatures)
    }

    fn keep_signature(&self, release: &Digest, signature: &[u8]) -> Result<u8, Error> {
        if signature.len() > MAX_SIGNATURE {
            return Err(Error::SignatureTooLarge {
                size: signature.len(),
                most: MAX_SIGNATURE,
            });
        }
        let (layout, disk) = (&self.shared.layout, &self.shared.disk);
        let there = self.signatures(release)?;
        if let Some((number, _)) = there.iter().find(|(_, bytes)| bytes == signature) {
            // Who kept it may have been killed before it was on disk.
            disk.sync_dir(&layout.signatures(release))?;
            return Ok(*number);
        }
        let is_free = |number: &u8| there.iter().all(|(taken, _)| taken != number);
        let number = (1..=MAX_NUMBER).find(is_free);
        let number = number.ok_or_else(|| Error::TooManySignatures {
            release: Box::new(*release),
            most: MAX_NUMBER,
        })?;
        let path = layout.signature(release, number);
        disk.put(&layout.tmp_file(), &path, signature)?;
        Ok(number)
    }

    fn remove_signatures(&self, release: &Digest) -> Result<usize, Error> {
        let (layout, disk) = (&self.shared.layout, &self.shared.disk);
        let numbers = self.numbers(release)?;
        for number in &numbers {
            disk.remove(&layout.signature(release, *number))?;
        }
        let dir = layout.signatures(release);
        if !numbers.is_empty() {
            disk.sync_dir(&dir)?;
        }
        // What is none of ours stays in it.
        if dir.is_dir() && disk.remove_dir(&dir)? {
            let parent = dir.parent().expect("it lies below the root");
            disk.sync_dir(parent)?;
        }
        Ok(numbers.len())
    }

    /// The numbers that signatures of a release have, in order.
    fn numbers(&self, release: &Digest) -> Result<Vec<u8>, Error> {
        let dir = self.shared.layout.signatures(release);
        let mut numbers = walk::names(&dir, parse_signature_name)?;
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The bytes of a signature, if it is there.
fn read(path: &Path) -> Result<Option<Bytes>, Error> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|source| Error::io("open", path, source))?,
    };
    let mut bytes = Vec::new();
    let read = file.take(MAX_SIGNATURE as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::io("read", path, source))?;
    if bytes.len() > MAX_SIGNATURE {
        return Err(Error::Damaged {
            path: path.to_owned(),
            defect: "too large for a signature",
        });
    }
    Ok(Some(bytes.into()))
}
