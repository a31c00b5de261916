//! The hashes in the signature of a program: which there are, and making them anew.
//!
//! Knows a program as a stretch of a file. Invariant: only hashes of pages are written.

use std::io::{Read, Seek, Write};

use aws_lc_rs::digest::{Algorithm, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384};

use super::MachoError;
use super::part::{Fields, Malformed, Part};

/// What a signature begins with, and its parts.
const SUPER_BLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
/// Where a signature has its hashes, and where further ones of another kind.
const SLOT_HASHES: u32 = 0;
const SLOTS_OF_FURTHER_HASHES: std::ops::Range<u32> = 0x1000..0x1005;
/// Where it has its maker's signature of those.
const SLOT_MAKER: u32 = 0x10000;
/// What stands there when nobody signed: a head and nothing else.
const EMPTY_BLOB: u32 = 8;
/// More parts than a signature has.
const MAX_PARTS: u32 = 64;
/// Set on hashes that nobody signed.
const FLAG_AD_HOC: u32 = 0x2;
/// From which version on there is a table of scattered pages, and a longer field for the length.
const VERSION_SCATTER: u32 = 0x2_0100;
const VERSION_LONG: u32 = 0x2_0300;

/// Makes all hashes in the signature anew, which lies at this place of the program.
pub(super) fn rehash(
    file: &mut (impl Read + Write + Seek),
    program: &Part,
    offset: u64,
    size: u64,
) -> Result<(), MachoError> {
    let signature = program.read(file, offset, size)?;
    let directories = directories(&signature)?;
    if directories.is_empty() {
        return Err(Malformed("its signature holds no hashes").into());
    }
    let place = program.part(offset, size)?;
    for directory in directories {
        if directory.limit > offset {
            return Err(Malformed("its signature hashes itself").into());
        }
        let hashes = directory.hash(file, program)?;
        place.write(file, directory.hashes_at, &hashes)?;
    }
    Ok(())
}

/// A table of hashes, one for each page.
struct Directory {
    /// Where the hashes lie in the signature.
    hashes_at: u64,
    algorithm: &'static Algorithm,
    /// How much of a hash is kept.
    kept: usize,
    /// How many bytes of the program are hashed.
    limit: u64,
    /// How many bytes each hash covers.
    page: u64,
}

/// The tables of hashes in a signature.
fn directories(signature: &[u8]) -> Result<Vec<Directory>, MachoError> {
    let fields = Fields(signature);
    let count = fields.be_u32(8)?;
    if fields.be_u32(0)? != SUPER_BLOB || count > MAX_PARTS {
        return Err(Malformed("its signature is of an unknown kind").into());
    }
    let mut directories = Vec::new();
    for number in 0..count as usize {
        let (slot, at) = (
            fields.be_u32(12 + number * 8)?,
            fields.be_u32(16 + number * 8)?,
        );
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = signature.get(at..).unwrap_or_default();
        let length = Fields(rest).be_u32(4)?;
        let blob = usize::try_from(length)
            .ok()
            .and_then(|length| rest.get(..length));
        let blob = blob.ok_or(Malformed("a part of its signature ends early"))?;
        if slot == SLOT_MAKER && length > EMPTY_BLOB {
            return Err(MachoError::OfItsMaker);
        }
        if slot == SLOT_HASHES || SLOTS_OF_FURTHER_HASHES.contains(&slot) {
            directories.push(Directory::parse(Fields(blob), at as u64)?);
        }
    }
    Ok(directories)
}

impl Directory {
    /// Reads the table that begins at this place of the signature.
    fn parse(blob: Fields<'_>, at: u64) -> Result<Self, MachoError> {
        let version = blob.be_u32(8)?;
        if blob.be_u32(0)? != CODE_DIRECTORY {
            return Err(Malformed("its signature has something else in place of hashes").into());
        }
        if blob.be_u32(12)? & FLAG_AD_HOC == 0 {
            return Err(MachoError::OfItsMaker);
        }
        if version >= VERSION_SCATTER && blob.be_u32(44)? != 0 {
            return Err(Malformed("its pages are hashed in another order").into());
        }
        let mut limit = blob.be_u32(32)?.into();
        if version >= VERSION_LONG && blob.be_u64(56)? != 0 {
            limit = blob.be_u64(56)?;
        }
        let page = match blob.byte(39)? {
            // One hash for all of it.
            0 => limit.max(1),
            bits @ 1..=24 => 1 << bits,
            _ => return Err(Malformed("its pages are too large").into()),
        };
        let (algorithm, kept) = algorithm(blob.byte(37)?, blob.byte(36)?)?;
        let count = u64::from(blob.be_u32(28)?);
        let offset = u64::from(blob.be_u32(16)?);
        if count != limit.div_ceil(page) {
            return Err(Malformed("its signature has not one hash for each page").into());
        }
        if offset + count * kept as u64 > blob.0.len() as u64 {
            return Err(Malformed("its hashes end early").into());
        }
        Ok(Self {
            hashes_at: at + offset,
            algorithm,
            kept,
            limit,
            page,
        })
    }

    /// Hashes every page as it is now.
    fn hash(&self, file: &mut (impl Read + Seek), program: &Part) -> Result<Vec<u8>, MachoError> {
        let mut hashes = Vec::new();
        let mut start = 0;
        while start < self.limit {
            let length = self.page.min(self.limit - start);
            let mut hash = Context::new(self.algorithm);
            let page = program.part(start, length)?;
            page.each_piece(file, |piece| hash.update(piece))?;
            hashes.extend_from_slice(&hash.finish().as_ref()[..self.kept]);
            start += length;
        }
        Ok(hashes)
    }
}

/// The hash of this kind, and how much of it is kept.
fn algorithm(kind: u8, size: u8) -> Result<(&'static Algorithm, usize), Malformed> {
    match (kind, size) {
        (1, 20) => Ok((&SHA1_FOR_LEGACY_USE_ONLY, 20)),
        (2, 32) => Ok((&SHA256, 32)),
        (3, 20) => Ok((&SHA256, 20)),
        (4, 48) => Ok((&SHA384, 48)),
        _ => Err(Malformed("its hashes are of an unknown kind")),
    }
}
