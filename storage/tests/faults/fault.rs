//! One fault, at one change of the disk: the n-th from when it was armed.
//!
//! What a change fails with is decided here. How often there is one to meet, the sweep finds out: it
//! counts up until the operation no longer meets its fault. Two faults concern descriptors. They take the
//! process's right to open anything, before a change or from a change on, so opens for reading fail too.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use roadstead_storage::{Hook, Op};

use crate::descriptor;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The change fails with `EIO`. A write has put half of its bytes there.
    BadDisk,
    /// The change fails with `ENOSPC`. A write has put half of its bytes there.
    FullDisk,
    /// From the change before on, until the end of the operation, nothing can be opened: `EMFILE`.
    NoDescriptors,
    /// Between the change before and this one nothing can be opened: `EMFILE`.
    NoDescriptor,
    /// A write takes one byte at first. No error at all.
    ShortWrite,
}

impl Fault {
    /// What the system says of it, if anything.
    pub(crate) fn errno(self) -> Option<rustix::io::Errno> {
        match self {
            Self::BadDisk => Some(rustix::io::Errno::IO),
            Self::FullDisk => Some(rustix::io::Errno::NOSPC),
            Self::NoDescriptor | Self::NoDescriptors => Some(rustix::io::Errno::MFILE),
            Self::ShortWrite => None,
        }
    }
}

/// The change that met the fault.
#[derive(Debug, Clone)]
pub(crate) struct Met {
    /// As it was announced; before the first change nothing was.
    pub(crate) change: String,
    /// Whether it was the sync of a directory, after which nothing of it is known.
    pub(crate) is_dir_sync: bool,
}

/// Lets the n-th change meet a fault.
#[derive(Debug, Default)]
pub(crate) struct Injector(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    armed: Option<(Fault, u64)>,
    seen: u64,
    met: Option<Met>,
    /// The write under way shall be a short one.
    is_short: bool,
}

impl Injector {
    /// The `nth` change from now on, counted from 1, meets the fault.
    pub(crate) fn arm(&self, fault: Fault, nth: u64) {
        let mut state = self.state();
        *state = State {
            armed: Some((fault, nth)),
            ..State::default()
        };
        let wants_descriptors = matches!(fault, Fault::NoDescriptor | Fault::NoDescriptors);
        if wants_descriptors && nth == 1 {
            state.take_descriptors("nothing yet".to_owned());
        }
    }

    /// Ends it. What met the fault, if anything did.
    pub(crate) fn disarm(&self) -> Option<Met> {
        descriptor::allow();
        std::mem::take(&mut *self.state()).met
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_descriptors(&mut self, change: String) {
        descriptor::forbid();
        self.meet(change, false);
    }

    fn meet(&mut self, change: String, is_dir_sync: bool) {
        self.met = Some(Met {
            change,
            is_dir_sync,
        });
    }

    fn fail(&mut self, fault: Fault, op: &Op<'_>) -> io::Result<()> {
        let Some(errno) = fault.errno() else {
            return Ok(());
        };
        if let Op::Write {
            path,
            offset,
            bytes,
        } = op
        {
            let file = OpenOptions::new().write(true).open(path)?;
            file.write_all_at(&bytes[..bytes.len() / 2], *offset)?;
        }
        let is_dir_sync = matches!(op, Op::SyncDir { .. } | Op::SyncAll { .. });
        self.meet(name(op), is_dir_sync);
        Err(errno.into())
    }
}

impl Hook for Injector {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let mut state = self.state();
        let Some((fault, nth)) = state.armed else {
            return Ok(());
        };
        let is_write = matches!(op, Op::Write { .. });
        if fault == Fault::ShortWrite && !is_write {
            return Ok(());
        }
        state.seen += 1;
        let seen = state.seen;
        match fault {
            Fault::BadDisk | Fault::FullDisk if seen == nth => return state.fail(fault, op),
            // Before the change after this one, that is.
            Fault::NoDescriptor | Fault::NoDescriptors if seen + 1 == nth => {
                state.take_descriptors(name(op));
            }
            Fault::NoDescriptor if seen == nth => descriptor::allow(),
            Fault::ShortWrite if seen == nth => {
                state.is_short = true;
                state.meet(name(op), false);
            }
            _ => {}
        }
        Ok(())
    }

    fn takes(&self, length: usize) -> usize {
        let is_short = std::mem::take(&mut self.state().is_short);
        if is_short { 1 } else { length }
    }
}

/// A change without its bytes.
fn name(op: &Op<'_>) -> String {
    match op {
        Op::Write {
            path,
            offset,
            bytes,
        } => format!("write {} at {offset} to {}", bytes.len(), path.display()),
        other => format!("{other:?}"),
    }
}
