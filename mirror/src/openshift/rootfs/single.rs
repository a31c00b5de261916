//! One file of an image, however large, handed on as it is read; links on the way to it are followed.
//!
//! Invariant: of a file that was handed on the layer was right, or this fails and what was handed on is
//! worth nothing.

use std::io::{self, Read};

use bytes::Bytes;
use roadstead_storage::oci::{Descriptor, Manifest};
use tokio::sync::mpsc;

use super::super::content::Content;
use super::super::error::ReadError;
use super::archive::{Header, Kind};
use super::path::{self, Meaning, is_within, join};
use super::walk::{Visitor, walk};

/// How many links may lead to a file.
const MAX_HOPS: usize = 16;
/// How much is read of a file at a time, in bytes.
const PIECE: usize = 256 * 1024;
/// How many pieces wait to be taken.
const WAITING: usize = 4;

/// A file of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed, in seconds since 1970.
    pub modified: u64,
}

/// Hands a file to `sink`, piece by piece.
pub(super) async fn single<F, T>(
    content: &Content,
    image: &Manifest,
    wanted: &str,
    mut sink: F,
) -> Result<FileInfo, ReadError>
where
    F: FnMut(Bytes) -> T + Send,
    T: Future<Output = io::Result<()>> + Send,
{
    let layers = image.blobs().get(1..).ok_or(ReadError::NotAnImage)?;
    let layers: Vec<_> = layers.iter().rev().collect();
    let named = || wanted.to_owned();
    let mut path = path::target("", wanted);
    let mut first = 0;
    for _ in 0..MAX_HOPS {
        let mut found = None;
        for (place, layer) in layers.iter().enumerate().skip(first) {
            match look(content, layer, &path, &mut sink).await? {
                Seen::Nothing => {}
                Seen::Hidden => break,
                seen => {
                    found = Some((place, seen));
                    break;
                }
            }
        }
        (first, path) = match found {
            Some((_, Seen::File(info))) => return Ok(info),
            // It is of the same layer, whatever those above have in its place.
            Some((place, Seen::HardLink(to))) => (place, to),
            Some((_, Seen::Symlink(to))) => (0, to),
            _ => return Err(ReadError::NoFile { path: named() }),
        };
    }
    Err(ReadError::Links { path: named() })
}

/// What a layer has to say of a path.
enum Seen {
    File(FileInfo),
    /// It is another name of a file.
    HardLink(String),
    /// It is not there, whatever lower layers have.
    Hidden,
    Nothing,
    /// It, or what it lies in, leads elsewhere.
    Symlink(String),
}

async fn look<F, T>(
    content: &Content,
    layer: &Descriptor,
    path: &str,
    sink: &mut F,
) -> Result<Seen, ReadError>
where
    F: FnMut(Bytes) -> T + Send,
    T: Future<Output = io::Result<()>> + Send,
{
    let (send, mut pieces) = mpsc::channel(WAITING);
    let visitor = Looking {
        path: path.to_owned(),
        seen: Seen::Nothing,
        pieces: send,
    };
    let hand_on = async move {
        while let Some(piece) = pieces.recv().await {
            sink(piece).await?;
        }
        Ok(())
    };
    let (walked, handed) = tokio::join!(
        async {
            walk(content, layer, visitor)
                .await
                .map(|visitor| visitor.seen)
        },
        hand_on
    );
    handed.map_err(|source| ReadError::Sink {
        path: path.to_owned(),
        source,
    })?;
    walked
}

struct Looking {
    path: String,
    seen: Seen,
    pieces: mpsc::Sender<Bytes>,
}

impl Looking {
    fn hand_on(&mut self, header: &Header, content: &mut dyn Read) -> io::Result<()> {
        let mut left = header.size;
        while left > 0 {
            let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            let mut piece = vec![0; length];
            content.read_exact(&mut piece)?;
            left -= length as u64;
            let sent = self.pieces.blocking_send(piece.into());
            sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(())
    }
}

impl Visitor for Looking {
    fn visit(
        &mut self,
        meaning: Meaning,
        header: &Header,
        content: &mut dyn Read,
    ) -> io::Result<bool> {
        let (at, is_taken_away) = match meaning {
            Meaning::Entry(at) => (at, false),
            Meaning::Opaque(at) | Meaning::Whiteout(at) => (at, true),
        };
        // What has something below it is a directory, whatever lower layers have there.
        let is_directory = at != self.path && is_within(&at, &self.path);
        if is_directory || (is_taken_away && is_within(&self.path, &at)) {
            if matches!(self.seen, Seen::Nothing) {
                self.seen = Seen::Hidden;
            }
            return Ok(true);
        }
        if is_taken_away || !is_within(&self.path, &at) || at.is_empty() {
            return Ok(true);
        }
        let is_itself = at == self.path;
        let link = header.link.as_deref().unwrap_or_default();
        self.seen = match header.kind {
            Kind::Directory if is_itself => Seen::Hidden,
            Kind::Directory => return Ok(true),
            Kind::File if is_itself => {
                self.hand_on(header, content)?;
                let (size, modified) = (header.size, header.modified);
                Seen::File(FileInfo { size, modified })
            }
            Kind::HardLink if is_itself => Seen::HardLink(path::target("", link)),
            Kind::Symlink => {
                let rest = self.path[at.len()..].trim_start_matches('/');
                let to = path::target(&at, link);
                Seen::Symlink(if rest.is_empty() { to } else { join(&to, rest) })
            }
            Kind::File | Kind::HardLink | Kind::Other => Seen::Hidden,
        };
        Ok(false)
    }
}
