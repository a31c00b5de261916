//! Signs a program for a Mac again, after something was written into it.
//!
//! A Mac with an Apple processor starts no program whose pages differ from the hashes in its signature.
//! Those hashes are made anew in place; such a signature names nobody and is anybody's to make ("ad hoc").
//! One that names its maker is left alone and refused. Invariant: the length of the file stays, every
//! offset that it names is checked before it is followed, and its pages pass through one at a time.

mod directory;
mod part;

#[cfg(test)]
mod tests;

use std::io::{self, Read, Seek, Write};

use thiserror::Error;

use self::directory::rehash;
use self::part::{Fields, Malformed, Part, ReadError};

/// The first bytes of a program of 64 bits, as all are that releases carry.
const MACHO_64: [u8; 4] = [0xcf, 0xfa, 0xed, 0xfe];
/// The first bytes of a file that holds programs for several processors, with offsets of 32 and 64 bits.
const FAT: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
const FAT_64: [u8; 4] = [0xca, 0xfe, 0xba, 0xbf];
/// More processors than there are in one file.
const MAX_PROGRAMS: u32 = 16;
/// The load command that says where the signature lies.
const LC_CODE_SIGNATURE: u32 = 0x1d;
/// More than the load commands of any program take.
const MAX_COMMANDS: u32 = 1 << 20;
/// More than a signature takes: hashes of a gigabyte in pages of 4 KiB take 8 MiB.
const MAX_SIGNATURE: u32 = 32 << 20;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The signature fits the program again.
    Again,
    /// There is none, or it is no program for a Mac.
    NoSignature,
}

/// Why a program was not signed again.
#[derive(Debug, Error)]
pub enum MachoError {
    /// The file.
    #[error("read and write the program")]
    File {
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// It is not as programs are.
    #[error("{what}, so that it cannot be signed again")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Its signature is its maker's.
    #[error("the program carries the signature of its maker, which nobody else can make again")]
    OfItsMaker,
}

impl From<ReadError> for MachoError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::File(source) => Self::File { source },
            ReadError::Malformed(Malformed(what)) => Self::Malformed { what },
        }
    }
}

impl From<Malformed> for MachoError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed { what }
    }
}

/// Makes the signature of a program fit what it holds now.
///
/// # Errors
/// When the file cannot be read or written, is not as programs are, or is signed by its maker. It may have
/// been changed then, and is not to be used.
pub fn sign_again(file: &mut (impl Read + Write + Seek)) -> Result<Signed, MachoError> {
    let whole = Part::whole(file)?;
    let Some(magic) = whole.first_bytes(file)? else {
        return Ok(Signed::NoSignature);
    };
    let programs = match magic {
        MACHO_64 => vec![whole],
        FAT | FAT_64 => programs(file, &whole, magic == FAT_64)?,
        _ => Vec::new(),
    };
    let mut signed = Signed::NoSignature;
    for program in programs {
        if program.first_bytes(file)? == Some(MACHO_64) && sign_program(file, &program)? {
            signed = Signed::Again;
        }
    }
    file.flush().map_err(|source| MachoError::File { source })?;
    Ok(signed)
}

/// The programs in a file of several.
fn programs(
    file: &mut (impl Read + Seek),
    whole: &Part,
    is_wide: bool,
) -> Result<Vec<Part>, MachoError> {
    let head = whole.read(file, 0, 8)?;
    let count = Fields(&head).be_u32(4)?;
    if count > MAX_PROGRAMS {
        return Err(Malformed("it claims to hold more programs than there are processors").into());
    }
    let length = if is_wide { 32 } else { 20 };
    let table = whole.read(file, 8, u64::from(count) * length)?;
    let entries = table.chunks_exact(usize::try_from(length).expect("a few bytes"));
    let place = |entry| {
        let fields = Fields(entry);
        let (offset, size) = if is_wide {
            (fields.be_u64(8)?, fields.be_u64(16)?)
        } else {
            (fields.be_u32(8)?.into(), fields.be_u32(12)?.into())
        };
        whole.part(offset, size)
    };
    entries
        .map(|entry| place(entry).map_err(Into::into))
        .collect()
}

/// Signs one program again. Whether it has a signature.
fn sign_program(file: &mut (impl Read + Write + Seek), program: &Part) -> Result<bool, MachoError> {
    let head = program.read(file, 0, 32)?;
    let (count, size) = (Fields(&head).le_u32(16)?, Fields(&head).le_u32(20)?);
    if size > MAX_COMMANDS {
        return Err(Malformed("its load commands are too long").into());
    }
    let commands = program.read(file, 32, size.into())?;
    let Some((offset, size)) = place_of_signature(&commands, count)? else {
        return Ok(false);
    };
    if size > MAX_SIGNATURE {
        return Err(Malformed("its signature is too long").into());
    }
    rehash(file, program, offset.into(), size.into())?;
    Ok(true)
}

/// Where the load commands say that the signature lies, and how long it is.
fn place_of_signature(commands: &[u8], count: u32) -> Result<Option<(u32, u32)>, Malformed> {
    let mut rest = commands;
    let mut found = None;
    for _ in 0..count {
        let (kind, length) = (Fields(rest).le_u32(0)?, Fields(rest).le_u32(4)?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < 8 || length > rest.len() {
            return Err(Malformed("a load command is longer than there is room"));
        }
        let (command, further) = rest.split_at(length);
        if kind == LC_CODE_SIGNATURE {
            let place = (Fields(command).le_u32(8)?, Fields(command).le_u32(12)?);
            if found.replace(place).is_some() {
                return Err(Malformed("it has two signatures"));
            }
        }
        rest = further;
    }
    Ok(found)
}
