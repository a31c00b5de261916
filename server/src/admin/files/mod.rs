//! The caller's files: the directory or file that a command line names, read and written by who gave
//! the command, with their rights, and never by the server, which may be another user who sees other
//! mounts.
//!
//! Work asks by a handle ([`CallerFiles`]); what it asks for is carried out below one directory
//! ([`Root`]) that the command opened. Whether the two stand in one process or at the ends of a
//! socket makes no difference to either. Invariant: nothing outside that directory is reached.

mod error;
mod handle;
mod operation;
mod root;

pub(crate) use self::error::Error;
pub(crate) use self::handle::CallerFiles;
pub(super) use self::handle::{Asked, serve};
pub(super) use self::operation::{Operation, Reply, Said};
pub(crate) use self::root::Root;
