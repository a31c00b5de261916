//! Whether the bytes of a session are still those that came.
//!
//! A session hashes what a client sends, and never reads it again: this does.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::id::UploadId;
use super::sessions::Uploads;
use super::state::Files;
use crate::error::Error;
use crate::rehash::{forget_cached, is_loss, rehash};
use crate::walk;

impl Uploads {
    /// Every session there is.
    pub(crate) fn all(&self) -> Result<Vec<UploadId>, Error> {
        walk::names(&self.ground.layout.uploads(), |name| name.parse().ok())
    }

    /// Whether the bytes of a session have the hash of those that came; `step` is called with each number
    /// of bytes read. One that cannot be gone on with, since its record is torn or bytes are missing, is
    /// not asked about: whoever comes back is told so, or collection takes it.
    pub(crate) fn is_intact(
        &self,
        id: UploadId,
        step: impl FnMut(u64) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let files = Files::new(&self.ground.layout, id.0);
        let Some(state) = files.load(&self.ground.boot)? else {
            return Ok(true);
        };
        let file = match File::open(&files.data) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            opened => opened.map_err(|source| Error::io("open", &files.data, source))?,
        };
        let metadata = file
            .metadata()
            .map_err(|source| Error::io("look at", &files.data, source))?;
        let Some(hash) = state.hash.resume() else {
            return Ok(true);
        };
        if metadata.len() < state.offset {
            return Ok(true);
        }
        forget_cached(&file);
        match rehash(&file, &files.data, hash.algorithm(), state.offset, step) {
            Ok(found) => Ok(found.finish() == hash.finish()),
            Err(error) if is_loss(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Looks again at a session that seemed damaged, while nobody else can use it, and gives it up if it
    /// is: then, which file was.
    pub(crate) fn give_up_if_damaged(&self, id: UploadId) -> Result<Option<PathBuf>, Error> {
        let Some(_guard) = self.locks.try_lock(&id.0) else {
            return Ok(None);
        };
        if self.is_intact(id, |_| Ok(()))? {
            return Ok(None);
        }
        let files = Files::new(&self.ground.layout, id.0);
        self.ground.remove(&files);
        Ok(Some(files.data))
    }
}
