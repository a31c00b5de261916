//! Finds byte strings in a file that does not fit into memory.
//!
//! Knows nothing of what is sought. Invariant: what is found lies there in one piece, wherever the
//! pieces that are read end.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at a time.
const PIECE: usize = 1 << 20;

/// A byte string, prepared for being looked for in much (Horspool's way): the byte under its end tells
/// how far it can be moved on.
#[derive(Debug)]
pub(super) struct Needle {
    bytes: Vec<u8>,
    steps: [usize; 256],
}

impl Needle {
    /// Prepares a byte string, which is not empty.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let mut steps = [bytes.len(); 256];
        for (position, byte) in bytes[..bytes.len() - 1].iter().enumerate() {
            steps[usize::from(*byte)] = bytes.len() - 1 - position;
        }
        Self { bytes, steps }
    }

    /// Where it stands first.
    fn find(&self, hay: &[u8]) -> Option<usize> {
        let mut start = 0;
        while let Some(window) = hay.get(start..start + self.bytes.len()) {
            let last = window[window.len() - 1];
            // Its ends first: most windows differ there.
            if last == self.bytes[self.bytes.len() - 1] && window == self.bytes {
                return Some(start);
            }
            start += self.steps[usize::from(last)];
        }
        None
    }
}

/// Where each of these stands first in the file, read from its start.
pub(super) fn first_places(
    file: &mut (impl Read + Seek),
    needles: &[Needle],
) -> io::Result<Vec<Option<u64>>> {
    let mut places = vec![None; needles.len()];
    let longest = needles.iter().map(|needle| needle.bytes.len()).max();
    let overlap = longest.unwrap_or(1) - 1;
    let mut buffer = vec![0; PIECE + overlap];
    let (mut kept, mut offset) = (0, 0);
    file.seek(SeekFrom::Start(0))?;
    while places.iter().any(Option::is_none) {
        let read = read_up_to(file, &mut buffer[kept..])?;
        if read == 0 {
            break;
        }
        let filled = kept + read;
        for (needle, place) in needles.iter().zip(&mut places) {
            if place.is_none() {
                let found = needle.find(&buffer[..filled]);
                *place = found.map(|found| offset + found as u64);
            }
        }
        // What may be the beginning of one goes before what is read next.
        kept = overlap.min(filled);
        buffer.copy_within(filled - kept..filled, 0);
        offset += (filled - kept) as u64;
    }
    Ok(places)
}

/// Fills the buffer, or as much of it as there is left to read.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn check(hay: Vec<u8>, needles: &[&[u8]], expected: &[Option<u64>]) {
        let needles: Vec<_> = needles.iter().map(|n| Needle::new(n.to_vec())).collect();
        let places = first_places(&mut Cursor::new(hay), &needles).unwrap();
        assert_eq!(places, expected);
    }

    #[test]
    fn the_first_of_several_is_found() {
        check(b"a needle, a needle".to_vec(), &[b"needle"], &[Some(2)]);
        check(b"needl".to_vec(), &[b"needle"], &[None]);
        check(Vec::new(), &[b"x"], &[None]);
        check(b"nneedle".to_vec(), &[b"needle", b"e"], &[Some(1), Some(2)]);
        check(b"aabaaab".to_vec(), &[b"aaab"], &[Some(3)]);
    }

    #[test]
    fn it_is_found_wherever_the_piece_that_is_read_ends() {
        let needle = b"\0marker\0XXXX\0";
        for back in 0..=needle.len() + 1 {
            for piece in [1, 2] {
                let start = piece * PIECE + needle.len() - 1 - back;
                let mut hay = vec![0; start];
                hay.extend(needle);
                hay.extend([0; 40]);
                check(hay, &[needle, b"no"], &[Some(start as u64), None]);
            }
        }
    }
}
