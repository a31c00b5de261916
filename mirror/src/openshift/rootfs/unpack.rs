//! A layer's bytes, unpacked: gzip, zstd or neither, by what they begin with.
//!
//! Blocks. Invariant: it never gives out more than a layer of that size can honestly unpack to, and
//! never takes more memory than a window.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// What gzip begins with (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What zstd begins with (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest window that is taken, as a power of two: 8 MiB is what its own tools ask of readers, and
/// `--long` asks for 128.
const WINDOW: u32 = 27;
/// Small layers may unpack to so much whatever their ratio, in bytes.
const ALWAYS: u64 = 64 * 1024 * 1024;
/// Larger ones to so many times their size. Programs and texts unpack to five times theirs; only what is
/// empty goes beyond this.
const RATIO: u64 = 200;

/// How much a layer of this size may unpack to, in bytes.
pub(super) fn most(size: u64) -> u64 {
    ALWAYS.max(size.saturating_mul(RATIO))
}

/// Reads what layers are, and fails where they unpack to more than they may.
pub(super) struct Unpacked<R: Read> {
    reader: Packed<R>,
    left: u64,
}

enum Packed<R: Read> {
    Gzip(Box<MultiGzDecoder<Peeked<R>>>),
    Plain(Peeked<R>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Peeked<R>>>),
}

type Peeked<R> = BufReader<io::Chain<io::Cursor<Vec<u8>>, R>>;

/// That it unpacks to more than it may.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to too much")]
pub(super) struct TooMuch;

impl<R: Read> Unpacked<R> {
    /// Of a layer of this size.
    pub(super) fn new(mut reader: R, size: u64) -> io::Result<Self> {
        let mut head = Vec::with_capacity(ZSTD.len());
        reader
            .by_ref()
            .take(ZSTD.len() as u64)
            .read_to_end(&mut head)?;
        let (is_gzip, is_zstd) = (head.starts_with(&GZIP), head == ZSTD);
        let whole = BufReader::new(io::Cursor::new(head).chain(reader));
        let reader = if is_gzip {
            Packed::Gzip(Box::new(MultiGzDecoder::new(whole)))
        } else if is_zstd {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
            decoder.window_log_max(WINDOW)?;
            Packed::Zstd(Box::new(decoder))
        } else {
            Packed::Plain(whole)
        };
        let left = most(size);
        Ok(Self { reader, left })
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.reader {
            Packed::Gzip(reader) => reader.read(buffer),
            Packed::Plain(reader) => reader.read(buffer),
            Packed::Zstd(reader) => reader.read(buffer),
        }?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(TooMuch))?;
        Ok(read)
    }
}
