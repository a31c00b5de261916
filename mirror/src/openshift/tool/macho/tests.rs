//! Programs for Macs made here, and their signatures checked by other code than the one that makes them.

use std::io::{Cursor, Read, Seek, SeekFrom};

use aws_lc_rs::digest;

use super::*;

/// A table of hashes to be made: its kind in the file, how long a hash is, and the page in bits.
#[derive(Clone, Copy)]
struct Kind(u8, u8, u8);

const SHA1: Kind = Kind(1, 20, 12);
const SHA256: Kind = Kind(2, 32, 12);

/// A program with this content, and what is to be wrong with it.
struct Program {
    content: Vec<u8>,
    tables: Vec<Kind>,
    flags: u32,
    maker: u32,
    version: u32,
}

impl Program {
    fn new(length: usize, tables: &[Kind]) -> Self {
        let content = (0..length).map(|n| u8::try_from(n % 251).unwrap());
        Self {
            content: content.collect(),
            tables: tables.to_vec(),
            flags: 0x2_0002,
            maker: 8,
            version: 0x2_0400,
        }
    }

    /// The file, with the right hashes.
    fn build(&self) -> Vec<u8> {
        let mut file = [MACHO_64.as_slice(), &le(&[0x0100_000c, 0, 2])].concat();
        // Another load command, and then the one that says where the signature is.
        file.extend(le(&[2, 24 + 16, 0, 0, 0x1b, 24, 1, 2, 3, 4]));
        let signature_at =
            u32::try_from((file.len() + 16 + self.content.len()).next_multiple_of(16));
        let signature_at = signature_at.unwrap();
        let signature = self.signature(signature_at);
        file.extend(le(&[
            0x1d,
            16,
            signature_at,
            u32::try_from(signature.len()).unwrap(),
        ]));
        file.extend(&self.content);
        file.resize(signature_at as usize, 0);
        file.extend(&signature);
        fill_in(&mut file, 0);
        file
    }

    /// With zeros for hashes.
    fn signature(&self, limit: u32) -> Vec<u8> {
        let mut maker = be(&[0xfade_0b01, self.maker]);
        maker.resize(self.maker as usize, 7);
        let mut blobs = vec![(0x10000, maker)];
        for (number, Kind(kind, size, bits)) in self.tables.iter().enumerate() {
            let slot = if number == 0 {
                0
            } else {
                0xfff + u32::try_from(number).unwrap()
            };
            let page = if *bits == 0 { limit } else { 1 << bits };
            let count = limit.div_ceil(page);
            // Two special slots stand before the hashes of pages.
            let head = 88 + 6 + 2 * u32::from(*size);
            let length = head + count * u32::from(*size);
            let mut blob = be(&[
                0xfade_0c02,
                length,
                self.version,
                self.flags,
                head,
                88,
                2,
                count,
                limit,
            ]);
            blob.extend([*size, *kind, 0, *bits]);
            blob.resize(88, 0);
            blob.extend(b"a.out\0");
            blob.resize(head as usize, 0xee);
            blob.resize(length as usize, 0);
            blobs.insert(number, (slot, blob));
        }
        let mut at = 12 + 8 * u32::try_from(blobs.len()).unwrap();
        let (mut index, mut bodies) = (Vec::new(), Vec::new());
        for (slot, blob) in &blobs {
            index.extend(be(&[*slot, at]));
            at += u32::try_from(blob.len()).unwrap();
            bodies.extend(blob);
        }
        [
            be(&[0xfade_0cc0, at, u32::try_from(blobs.len()).unwrap()]),
            index,
            bodies,
        ]
        .concat()
    }
}

fn le(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn be(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn be_at(file: &[u8], at: usize) -> usize {
    u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize
}

fn le_at(file: &[u8], at: usize) -> usize {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
}

/// Where each hash of the program at `start` stands, and what it has to be.
fn hashes(file: &[u8], start: usize) -> Vec<(usize, Vec<u8>)> {
    let program = &file[start..];
    let mut command = 32;
    while le_at(program, command) != 0x1d {
        command += le_at(program, command + 4);
    }
    let signature = le_at(program, command + 8);
    let mut hashes = Vec::new();
    for part in 0..be_at(program, signature + 8) {
        let blob = signature + be_at(program, signature + 16 + 8 * part);
        if be_at(program, blob) != 0xfade_0c02 {
            continue;
        }
        let (size, kind) = (usize::from(program[blob + 36]), program[blob + 37]);
        let code = &program[..be_at(program, blob + 32)];
        let page = match program[blob + 39] {
            0 => code.len(),
            bits => 1 << bits,
        };
        for (number, page) in code.chunks(page).enumerate() {
            let algorithm = match kind {
                1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                4 => &digest::SHA384,
                _ => &digest::SHA256,
            };
            let hash = digest::digest(algorithm, page).as_ref()[..size].to_vec();
            hashes.push((
                start + blob + be_at(program, blob + 16) + number * size,
                hash,
            ));
        }
    }
    hashes
}

fn fill_in(file: &mut [u8], start: usize) {
    for (at, hash) in hashes(file, start) {
        file[at..at + hash.len()].copy_from_slice(&hash);
    }
}

#[track_caller]
fn check_signed(file: &[u8], start: usize) {
    let hashes = hashes(file, start);
    assert!(!hashes.is_empty());
    for (at, hash) in hashes {
        assert_eq!(file[at..at + hash.len()], hash, "the hash at {at}");
    }
}

/// Writes into the program, and signs it again.
#[track_caller]
fn check(program: &Program) {
    let mut file = program.build();
    check_signed(&file, 0);
    let before = file.clone();
    let written = 120..130;
    file[written.clone()].fill(b'!');
    let page_hashes = hashes(&before, 0);

    let mut after = Cursor::new(file);
    assert_eq!(sign_again(&mut after).unwrap(), Signed::Again);

    let after = after.into_inner();
    check_signed(&after, 0);
    assert_eq!(after.len(), before.len());
    for at in (0..after.len()).filter(|at| !written.contains(at)) {
        if page_hashes
            .iter()
            .any(|(start, hash)| (*start..start + hash.len()).contains(&at))
        {
            continue;
        }
        assert_eq!(after[at], before[at], "byte {at} is none of ours");
    }
}

#[test]
fn every_page_is_hashed_again_and_nothing_else_changes() {
    for length in [100, 4096 * 3, 4096 * 5 + 1] {
        check(&Program::new(length, &[SHA256]));
        check(&Program::new(length, &[SHA1, SHA256]));
    }
    check(&Program::new(
        100_000,
        &[Kind(2, 32, 14), Kind(4, 48, 12), Kind(3, 20, 12)],
    ));
    check(&Program::new(100_000, &[Kind(2, 32, 0)]));
    let old = Program {
        version: 0x2_0001,
        ..Program::new(100, &[SHA1])
    };
    check(&old);
}

#[test]
fn signing_what_was_not_changed_changes_nothing() {
    let file = Program::new(20_000, &[SHA1, SHA256]).build();
    let mut again = Cursor::new(file.clone());
    sign_again(&mut again).unwrap();
    assert!(again.into_inner() == file);
}

#[test]
fn each_program_of_a_file_for_several_processors_is_signed() {
    for is_wide in [false, true] {
        let (first, second) = (
            Program::new(5000, &[SHA256]).build(),
            Program::new(9000, &[SHA1, SHA256]).build(),
        );
        let starts = [4096, 4096 + first.len().next_multiple_of(4096)];
        let mut file = [if is_wide { FAT_64 } else { FAT }.as_slice(), &be(&[2])].concat();
        for (start, program) in starts.iter().zip([&first, &second]) {
            let (start, length) = (
                u32::try_from(*start).unwrap(),
                u32::try_from(program.len()).unwrap(),
            );
            file.extend(if is_wide {
                be(&[1, 2, 0, start, 0, length, 12, 0])
            } else {
                be(&[1, 2, start, length, 12])
            });
        }
        for (start, program) in starts.iter().zip([&first, &second]) {
            file.resize(*start, 0);
            file.extend(program);
        }
        for start in starts {
            file[start + 120] ^= 1;
        }

        let mut after = Cursor::new(file);
        assert_eq!(sign_again(&mut after).unwrap(), Signed::Again);

        for start in starts {
            check_signed(after.get_ref(), start);
        }
    }
}

#[test]
fn what_has_no_signature_is_left_as_it_is() {
    let unsigned = [
        MACHO_64.as_slice(),
        &le(&[0x0100_0007, 3, 2, 1, 8, 0, 0, 0x1b, 8]),
    ]
    .concat();
    for file in [
        b"".to_vec(),
        b"abc".to_vec(),
        b"\x7fELF and so on".to_vec(),
        unsigned,
    ] {
        let mut after = Cursor::new(file.clone());
        assert_eq!(sign_again(&mut after).unwrap(), Signed::NoSignature);
        assert_eq!(after.into_inner(), file);
    }
}

#[test]
fn a_makers_own_signature_is_refused_and_stays() {
    let signed = Program {
        maker: 500,
        ..Program::new(5000, &[SHA256])
    };
    let named = Program {
        flags: 0,
        ..Program::new(5000, &[SHA256])
    };
    for program in [signed, named] {
        let file = program.build();
        let mut after = Cursor::new(file.clone());
        let error = sign_again(&mut after).unwrap_err();
        assert!(matches!(error, MachoError::OfItsMaker), "{error}");
        assert!(after.into_inner() == file);
    }
}

/// Counts the most that is read at once.
struct Counting(Cursor<Vec<u8>>, usize);

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1.max(buffer.len());
        self.0.read(buffer)
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_code_passes_through_in_small_pieces() {
    let program = Program::new(8 << 20, &[Kind(2, 32, 0)]).build();
    let mut file = Counting(Cursor::new(program), 0);
    sign_again(&mut file).unwrap();
    assert!(file.1 <= 16 * 1024, "{} bytes at once", file.1);
}

/// Puts a number into a good program.
#[track_caller]
fn refused(good: &[u8], at: usize, number: [u8; 4]) {
    let mut file = good.to_vec();
    file[at..at + 4].copy_from_slice(&number);
    let error = sign_again(&mut Cursor::new(file)).unwrap_err();
    assert!(matches!(error, MachoError::Malformed { .. }), "{error}");
}

#[test]
fn what_lies_about_its_parts_is_refused_and_never_panics() {
    let good = Program::new(5000, &[SHA1, SHA256]).build();
    let signature = le_at(&good, 32 + 24 + 8);
    let table = signature + be_at(&good, signature + 16);
    let most = [0xff; 4];
    for at in [16, 20, 32 + 4, 32 + 24 + 4, 32 + 24 + 8, 32 + 24 + 12] {
        refused(&good, at, most);
    }
    for at in [0, 8, 16].map(|field| signature + field) {
        refused(&good, at, most);
    }
    // Magic, length, where the hashes are, how many, how much is hashed, their kind, scattered pages.
    for at in [0, 4, 16, 28, 32, 36, 44].map(|field| table + field) {
        refused(&good, at, most);
    }
    let much = u32::try_from(signature + 1).unwrap();
    refused(&good, table + 32, much.to_be_bytes());
    let fat = [FAT.as_slice(), &be(&[17])].concat();
    refused(&fat, 0, FAT);
    refused(
        &[FAT.as_slice(), &be(&[1, 1, 1, 4096, 1, 1])].concat(),
        0,
        FAT,
    );

    // Cut anywhere, and with any byte of its heads wrong.
    for end in 0..good.len() {
        if let Err(error) = sign_again(&mut Cursor::new(good[..end].to_vec())) {
            assert!(matches!(error, MachoError::Malformed { .. }), "{error}");
        }
    }
    for at in (0..72)
        .chain(signature..signature + 36)
        .chain(table..table + 90)
    {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut file = good.clone();
            file[at] = value;
            let mut after = Cursor::new(file);
            // Either way is fine: what counts is that it ends, and that no byte is added.
            drop(sign_again(&mut after));
            assert_eq!(after.into_inner().len(), good.len());
        }
    }
}
