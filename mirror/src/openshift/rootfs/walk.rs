//! Walks through one layer: its bytes come from wherever the image is, and are hashed and unpacked on
//! their way.
//!
//! Unpacking blocks and has a thread of its own meanwhile. Invariant: nothing is told of a layer before
//! all of it has come and its digest was right; what was handed out before is worth nothing if this
//! fails.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use roadstead_storage::oci::{Descriptor, Digest};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::super::content::Content;
use super::super::error::ReadError;
use super::archive::{Header, entries};
use super::path::{self, Climbs, Meaning};
use super::unpack::{TooMuch, Unpacked, most};

/// How many pieces of a layer wait to be unpacked.
const WAITING: usize = 4;

/// Looks at the entries of a layer.
pub(super) trait Visitor: Send + 'static {
    /// Looks at one; whether it wants more of them.
    fn visit(
        &mut self,
        meaning: Meaning,
        header: &Header,
        content: &mut dyn Read,
    ) -> io::Result<bool>;
}

/// Shows a layer to a visitor, and gives that back.
///
/// # Cancel safety
/// Dropped, the thread ends with what it has.
pub(super) async fn walk<V: Visitor>(
    content: &Content,
    layer: &Descriptor,
    visitor: V,
) -> Result<V, ReadError> {
    let digest = layer.digest;
    let mut stream = content.open(layer).await?;
    let (send, receive) = mpsc::channel(WAITING);
    let size = layer.size;
    let work = spawn_blocking(move || {
        let reader = Pieces {
            receive,
            piece: Bytes::new(),
        };
        show(reader, size, visitor)
    });
    // Nobody takes more once the visitor has seen enough, or something is wrong with the archive; yet
    // that counts only of what is what its digest says, and so the rest is read all the same.
    let mut is_taken = true;
    while let Some(piece) = stream.next().await? {
        is_taken = is_taken && send.send(piece).await.is_ok();
    }
    drop(send);
    let ended = work.await;
    let ended = ended.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    ended.map_err(|error| understood(digest, size, error))
}

fn show<V: Visitor>(reader: Pieces, size: u64, mut visitor: V) -> io::Result<V> {
    let reader = Unpacked::new(reader, size)?;
    entries(reader, |header, content| {
        let meaning = path::meaning(&header.path).map_err(|Climbs| {
            let path = header.path.clone();
            io::Error::other(Outside { path })
        })?;
        visitor.visit(meaning, &header, content)
    })?;
    Ok(visitor)
}

/// A path that leads out of the image, on its way through what reads archives.
#[derive(Debug, thiserror::Error)]
#[error("{path:?} leads out of the image")]
struct Outside {
    path: String,
}

/// What is too large to be held, on the same way.
#[derive(Debug, thiserror::Error)]
pub(super) enum Large {
    #[error("{path} is larger than {most} bytes")]
    File { path: String, most: u64 },
    #[error("it is more than {most} bytes together")]
    Together { most: u64 },
}

fn understood(layer: Digest, size: u64, source: io::Error) -> ReadError {
    let inner = source.get_ref();
    if let Some(Outside { path }) = inner.and_then(|it| it.downcast_ref()) {
        let path = path.clone();
        return ReadError::Climbs { layer, path };
    }
    match inner.and_then(|it| it.downcast_ref()) {
        Some(Large::File { path, most }) => {
            let (path, most) = (path.clone(), *most);
            return ReadError::LargeFile { path, most };
        }
        Some(Large::Together { most }) => return ReadError::LargeTogether { most: *most },
        None => {}
    }
    if is_too_much(&source) {
        let most = most(size);
        return ReadError::Bomb { layer, most };
    }
    ReadError::Archive { layer, source }
}

/// Whether it is, or comes from, unpacking to too much: archives wrap the errors of what they read.
fn is_too_much(error: &io::Error) -> bool {
    let mut cause = error
        .get_ref()
        .map(|it| it as &(dyn std::error::Error + 'static));
    while let Some(error) = cause {
        let wrapped = error.downcast_ref::<io::Error>();
        if error.is::<TooMuch>() || wrapped.is_some_and(is_too_much) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Pieces that come from elsewhere, as something to read from.
struct Pieces {
    receive: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receive.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
