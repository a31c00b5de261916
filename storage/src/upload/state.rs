//! What is on disk of a session: its bytes, and twice a record of how far they go.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::oci::{HasherState, RepoName};
use crate::record::{self, Principal};
use crate::rehash::is_loss;
use crate::walk;

/// What is kept of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) repository: RepoName,
    pub(super) owner: Principal,
    /// The boot of the machine that wrote it.
    pub(super) boot: String,
    /// How many bytes have come.
    pub(super) offset: u64,
    /// The hash of that many.
    pub(super) hash: HasherState,
    /// How many of them the checkpoint speaks of.
    pub(super) synced: u64,
}

/// Where a session lies.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) dir: PathBuf,
    pub(super) data: PathBuf,
    pub(super) state: PathBuf,
    pub(super) checkpoint: PathBuf,
    /// A state or checkpoint being written.
    pub(super) next: PathBuf,
}

impl Files {
    pub(super) fn new(layout: &Layout, id: Uuid) -> Self {
        let dir = layout.upload(id);
        Self {
            data: layout.upload_data(id),
            state: dir.join("state"),
            checkpoint: dir.join("checkpoint"),
            next: dir.join("next"),
            dir,
        }
    }

    /// What the session has come to; `None` when its files are gone or cannot be believed.
    ///
    /// # Errors
    /// When a file cannot be read now but may be later: an older one in its place would take bytes back.
    pub(super) fn load(&self, boot: &str) -> Result<Option<State>, Error> {
        match read(&self.state)?.filter(|state| state.boot == boot) {
            Some(state) => Ok(Some(state)),
            None => read(&self.checkpoint),
        }
    }

    /// When the session was last written to; `None` when it is gone.
    pub(super) fn last_use(&self) -> Result<Option<SystemTime>, Error> {
        let mut last_use = None;
        for path in [&self.dir, &self.data, &self.state] {
            if let Some(metadata) = walk::metadata(path)? {
                last_use = last_use.max(metadata.modified().ok());
            }
        }
        Ok(last_use)
    }

    /// Replaces the state, which then survives the process but not a power cut.
    pub(super) fn save_state(&self, disk: &Disk, state: &State) -> Result<(), Error> {
        disk.remove(&self.next)?;
        let file = disk.create(&self.next)?;
        disk.write_at(&file, &self.next, 0, &record::encode(state))?;
        disk.rename(&self.next, &self.state)
    }

    /// Replaces the checkpoint; it and the session itself are on disk when this returns.
    pub(super) fn save_checkpoint(&self, disk: &Disk, state: &State) -> Result<(), Error> {
        disk.remove(&self.next)?;
        disk.put(&self.next, &self.checkpoint, &record::encode(state))
    }
}

fn read(path: &Path) -> Result<Option<State>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(record::decode(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => {
            let error = Error::io("read", path, source);
            if is_loss(&error) {
                Ok(None)
            } else {
                Err(error)
            }
        }
    }
}
