//! Files that the kernel sends by itself, over plain HTTP/1.
//!
//! hyper writes bytes and knows no files. So the body of an answer (`body.rs`) hands it, in place of a
//! part of a file, a mark that claims the part's length, and notes the part down (`promise.rs`). hyper
//! queues the mark like any other bytes, and when it writes it, the stream below it (`sender.rs`) sees
//! whose address it has and has the kernel send the file instead: nothing is copied through here.
//!
//! Invariant: a mark never reaches a socket. Only the connection that [`pair`] was called for is given
//! one, by the types; and should hyper ever copy a mark instead of queueing it, what is noted down and
//! what was sent no longer agree, and the connection breaks.

mod body;
mod promise;
mod sender;

use std::sync::Arc;

use tokio::net::TcpStream;

pub(super) use self::body::Files;
use self::promise::Promises;
pub(super) use self::sender::Sender;

/// A connection that sends files, and what puts them into its answers.
pub(super) fn pair(stream: TcpStream) -> (Sender, Files) {
    let promises = Arc::new(Promises::default());
    let sender = Sender::new(stream, Arc::clone(&promises));
    (sender, Files::new(promises))
}

#[cfg(test)]
mod tests;
