//! Just enough of tar and gzip to make a layer that real clients unpack, and one that they should not.
//!
//! POSIX ustar, the same bytes each time, and gzip that stores instead of compressing, whatever
//! library a client reads them with. Nothing is checked: a test may write what no archiver would.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

const BLOCK: usize = 512;

/// How many bytes one stored block of deflate can hold.
const STORED: usize = 0xffff;

/// The longest path or link that a header has room for.
const NAME: usize = 100;

/// When all that is in an archive was last changed: the first second of 2024.
pub const CHANGED: u64 = 1_704_067_200;

/// A tar archive in the making.
#[derive(Clone, Debug, Default)]
pub struct Tar(Vec<u8>);

/// What the entry of an archive is: the flag of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A character device.
    Device,
    /// A plain file.
    File,
    /// Another name of a file before it.
    HardLink,
    /// A symbolic link.
    SymbolicLink,
}

impl Kind {
    fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::SymbolicLink => b'2',
            Self::Device => b'3',
            Self::Directory => b'5',
        }
    }
}

impl Tar {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(Kind::File, path, "", content.as_ref())
    }

    /// Adds a directory.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        self.entry(Kind::Directory, &format!("{path}/"), "", b"")
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symbolic_link(self, path: &str, target: &str) -> Self {
        self.entry(Kind::SymbolicLink, path, target, b"")
    }

    /// Adds another name of a file.
    #[must_use]
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(Kind::HardLink, path, target, b"")
    }

    /// Takes away what layers below have at this path.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let path = format!("{parent}/.wh.{name}");
        self.file(path.trim_start_matches('/'), b"")
    }

    /// Takes away all that layers below have in this directory.
    #[must_use]
    pub fn opaque(self, directory: &str) -> Self {
        self.file(&format!("{directory}/.wh..wh..opq"), b"")
    }

    /// Adds an entry of any kind, with any names.
    #[must_use]
    pub fn entry(self, kind: Kind, path: &str, link: &str, content: &[u8]) -> Self {
        self.announced(kind, path, link, content.len() as u64)
            .raw(content)
            .padded()
    }

    /// Adds a header alone, which announces so many bytes.
    #[must_use]
    pub fn announced(self, kind: Kind, path: &str, link: &str, size: u64) -> Self {
        self.long(path, b'L')
            .long(link, b'K')
            .raw(&header(kind.flag(), path, link, size))
    }

    /// Adds these very bytes.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The archive, with its end.
    pub fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }

    /// The archive as a layer.
    pub fn gzip(self) -> Vec<u8> {
        gzip(&self.bytes())
    }

    /// A name that has no room in its header stands in an entry before it, as GNU tar writes it.
    fn long(self, name: &str, flag: u8) -> Self {
        if name.len() <= NAME {
            return self;
        }
        let size = name.len() as u64 + 1;
        self.raw(&header(flag, "././@LongLink", "", size))
            .raw(name.as_bytes())
            .raw(&[0])
            .padded()
    }

    fn padded(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }
}

/// A tar archive of these files (path, content), the same bytes each time.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let add = |tar: Tar, (path, content): &(&str, &[u8])| tar.file(path, content);
    files.iter().fold(Tar::new(), add).bytes()
}

/// These bytes as a gzip file (RFC 1952) of stored blocks (RFC 1951, 3.2.4).
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Magic, deflate, no flags, no time, no hint, unknown system.
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(STORED).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block fits its length field");
        file.push(u8::from(blocks.peek().is_none()));
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    let length = u32::try_from(bytes.len()).expect("layers of tests are small");
    file.extend_from_slice(&crc32(bytes).to_le_bytes());
    file.extend_from_slice(&length.to_le_bytes());
    file
}

/// These bytes, made as small as gzip can.
pub fn compressed(bytes: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for piece in bytes {
        encoder
            .write_all(piece.as_ref())
            .expect("a vector takes all");
    }
    encoder.finish().expect("a vector takes all")
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

/// A header; what of the names is too long is left out.
fn header(flag: u8, path: &str, link: &str, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut field = |offset: usize, text: &[u8]| {
        header[offset..offset + text.len()].copy_from_slice(text);
    };
    let short = |name: &str| name.as_bytes()[..name.len().min(NAME)].to_vec();
    let is_directory = flag == Kind::Directory.flag();
    field(0, &short(path));
    field(
        100,
        if is_directory {
            b"0000755\0"
        } else {
            b"0000644\0"
        },
    ); // mode
    field(108, b"0000000\0"); // owner
    field(116, b"0000000\0"); // group
    field(124, format!("{size:011o}\0").as_bytes());
    field(136, format!("{CHANGED:011o}\0").as_bytes());
    field(148, b"        "); // the checksum counts as spaces in itself
    field(157, &short(link));
    field(257, b"ustar\0");
    field(263, b"00");
    header[156] = flag;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn both_ways_of_gzip_hold_what_was_put_in() {
        use std::io::Read as _;

        let text = b"the same again and again".repeat(10_000);
        for file in [gzip(&text), compressed(text.chunks(1000))] {
            let mut found = Vec::new();
            let mut reader = flate2::read::GzDecoder::new(&file[..]);
            reader.read_to_end(&mut found).unwrap();
            assert_eq!(found, text);
        }
    }
}
