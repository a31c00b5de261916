//! The admin socket's place, and what is said over it.
//!
//! Both ends use this file: how `<data>/admin.sock` is reached however long its path is, and the
//! shape of a request and of its answer, which is lines of JSON: how the work goes on, and the outcome
//! last. Where a command comes with files, the answer also asks for what is to be done with them, and
//! the request goes on with what came of that; bytes follow the line that says how many there are. The version is named first and outside the body, so that two versions that share
//! nothing else can still tell each other so.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::files::{Operation, Reply, Said};
use crate::admin::report::Report;
use crate::admin::watch::Told;

/// The one path of this version's protocol.
pub(super) const PATH: &str = "/v1/command";

/// Which version of the program asks.
pub(super) const VERSION_HEADER: HeaderName = HeaderName::from_static("roadstead-version");

/// The version of this program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

const FILE: &str = "admin.sock";

/// What is asked.
#[derive(Serialize, Deserialize)]
pub(super) struct Question {
    /// The configuration that the command line names; a running server has its own.
    pub(super) config: Option<PathBuf>,
    /// What is to be done.
    pub(super) command: Command,
}

/// One line of the answer.
#[derive(Serialize, Deserialize)]
pub(super) enum Line {
    /// Something is to be done with the files that the command came with.
    Asked(Asking),
    /// It was done. The last line.
    Done(Report),
    /// It was not. The last line.
    Failed(Failure),
    /// It goes on, and this is told of it.
    Told(Told),
}

/// What is to be done with a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Asking {
    /// What the reply is known by.
    pub(super) number: u64,
    /// What it is.
    pub(super) operation: Operation,
    /// How many bytes follow.
    pub(super) length: usize,
}

/// One line of a request, behind the first.
#[derive(Serialize, Deserialize)]
pub(super) struct Replied {
    /// What was replied to.
    pub(super) number: u64,
    /// What came of it.
    pub(super) outcome: Result<Said, i32>,
    /// How many bytes follow.
    pub(super) length: usize,
}

impl Question {
    /// The line as it is sent, its end included.
    ///
    /// # Errors
    /// When a path in it is not UTF-8.
    pub(super) fn encode(&self) -> serde_json::Result<Bytes> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        Ok(text.into())
    }
}

impl Line {
    /// The line as it is sent, its end included.
    pub(super) fn encode(&self) -> Bytes {
        encode(self)
    }
}

impl Replied {
    /// What goes before the bytes of a reply, its end included.
    pub(super) fn encode(number: u64, reply: &Reply) -> Bytes {
        encode(&Self {
            number,
            outcome: reply.outcome.clone(),
            length: reply.bytes.len(),
        })
    }
}

fn encode(line: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(line).expect("texts, numbers and lists make JSON");
    text.push(b'\n');
    text.into()
}

/// The data directory, held open so that its socket has a short name.
pub(super) struct Door(File);

impl Door {
    /// Opens the data directory.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        File::open(data).map(Self)
    }

    /// Where the socket is. The address of a socket holds 107 bytes and a path may have more, so it
    /// goes by the open directory; good as long as this value lives.
    pub(super) fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{FILE}", self.0.as_raw_fd()))
    }
}
