//! What goes wrong with an answer, said by a test.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::reply::Reply;
use super::server::Halt;

/// How often a gate looks whether the server ends.
const GLANCE: Duration = Duration::from_millis(2);

/// One thing that goes wrong with an answer. Several may go wrong with the same.
#[derive(Clone, Debug)]
pub enum Fault {
    /// So many bytes follow the body, and its length says so.
    Appended(u64),
    /// The length of the body is not said.
    Chunked,
    /// The connection is closed there as if that were all.
    Cut(At),
    /// The answer comes so much later.
    Delay(Duration),
    /// The body comes in pieces of so many bytes, with a pause before each.
    Drip(usize, Duration),
    /// The body never ends.
    EndlessBody,
    /// The header never ends.
    EndlessHeader,
    /// The byte of the body at this place is another one.
    Flipped(u64),
    /// The body is compressed, though nobody asked for it.
    Gzip,
    /// Nothing comes from there on before the gate opens.
    Hold(At, Gate),
    /// The range that was asked for is passed over.
    IgnoredRange,
    /// Something else is answered.
    Instead(Reply),
    /// The connection is reset there.
    Reset(At),
    /// This header is there, with this value.
    Set(&'static str, String),
    /// So many bytes follow the body that its length says nothing of.
    Trailing(usize),
    /// This header is missing.
    Without(&'static str),
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before its first byte.
    Start,
    /// Before this byte of its body.
    Byte(u64),
}

/// Something that a test opens; clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Fault {
    /// Another status, and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Instead(Reply::new(status))
    }

    /// A redirect.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::Instead(Reply::new(307).header("location", location))
    }

    /// Nothing comes any more from there on.
    pub fn stall(at: At) -> Self {
        Self::Hold(at, Gate::default())
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn pass(&self, halt: &Halt) -> io::Result<()> {
        while !self.0.load(Ordering::SeqCst) {
            halt.pause(GLANCE)?;
        }
        Ok(())
    }
}
