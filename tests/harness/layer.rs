//! Just enough of tar and gzip to make a layer that real clients unpack.
//!
//! Plain files in POSIX ustar, and gzip that stores instead of compressing: the same bytes each
//! time, whatever library a client reads them with.

const BLOCK: usize = 512;

/// How many bytes one stored block of deflate can hold.
const STORED: usize = 0xffff;

/// A tar archive of these files (path, content), the same bytes each time.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        archive.extend_from_slice(&header(path, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// These bytes as a gzip file (RFC 1952) of stored blocks (RFC 1951, 3.2.4).
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
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

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

fn header(path: &str, size: usize) -> [u8; BLOCK] {
    assert!(path.len() < 100, "a short path");
    let mut header = [0; BLOCK];
    let mut field = |offset: usize, text: &str| {
        header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    };
    field(0, path);
    field(100, "0000644\0"); // mode
    field(108, "0000000\0"); // owner
    field(116, "0000000\0"); // group
    field(124, &format!("{size:011o}\0"));
    field(136, "00000000000\0"); // time of change
    field(148, "        "); // the checksum counts as spaces in itself
    field(156, "0"); // a plain file
    field(257, "ustar\0");
    field(263, "00");
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
}
