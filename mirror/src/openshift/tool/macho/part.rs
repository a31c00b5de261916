//! A stretch of a file, and the numbers in what was read from it.
//!
//! Knows nothing of what they mean. Invariant: nothing outside the stretch, or past the bytes at hand, is
//! ever read or written.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// What is wrong with a program, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Why something was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    File(io::Error),
    Malformed(Malformed),
}

impl From<Malformed> for ReadError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    start: u64,
    length: u64,
}

impl Part {
    /// All of a file.
    pub(super) fn whole(file: &mut impl Seek) -> Result<Self, ReadError> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self { start: 0, length })
    }

    /// A stretch of this one.
    pub(super) fn part(&self, offset: u64, length: u64) -> Result<Self, Malformed> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(Self {
                start: self.start + offset,
                length,
            }),
            _ => Err(Malformed("it names a place past its end")),
        }
    }

    /// Its first four bytes, if it has so many.
    pub(super) fn first_bytes(
        &self,
        file: &mut (impl Read + Seek),
    ) -> Result<Option<[u8; 4]>, ReadError> {
        if self.length < 4 {
            return Ok(None);
        }
        let mut bytes = [0; 4];
        self.part(0, 4)?.seek(file)?.read_exact(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Reads so many bytes from here. The caller bounds how many.
    pub(super) fn read(
        &self,
        file: &mut (impl Read + Seek),
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, ReadError> {
        let part = self.part(offset, length)?;
        // There are so many in the file, so that this is no more than it holds.
        let length = usize::try_from(length).map_err(|_| Malformed("it is too long"))?;
        let mut bytes = vec![0; length];
        part.seek(file)?.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Hands all of it over, a piece at a time.
    pub(super) fn each_piece(
        &self,
        file: &mut (impl Read + Seek),
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        let mut buffer = [0; 16 * 1024];
        let file = self.seek(file)?;
        let mut left = self.length;
        while left > 0 {
            let next = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            file.read_exact(&mut buffer[..next])?;
            take(&buffer[..next]);
            left -= next as u64;
        }
        Ok(())
    }

    /// Writes these bytes, which have to have room.
    pub(super) fn write(
        &self,
        file: &mut (impl Write + Seek),
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), ReadError> {
        let part = self.part(offset, bytes.len() as u64)?;
        part.seek(file)?.write_all(bytes)?;
        Ok(())
    }

    fn seek<'a, F: Seek>(&self, file: &'a mut F) -> Result<&'a mut F, ReadError> {
        file.seek(SeekFrom::Start(self.start))?;
        Ok(file)
    }
}

/// Bytes, and the numbers in them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], Malformed> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or(Malformed("a table in it ends early"))
    }

    pub(super) fn byte(self, at: usize) -> Result<u8, Malformed> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    pub(super) fn be_u32(self, at: usize) -> Result<u32, Malformed> {
        self.array(at).map(u32::from_be_bytes)
    }

    pub(super) fn be_u64(self, at: usize) -> Result<u64, Malformed> {
        self.array(at).map(u64::from_be_bytes)
    }

    pub(super) fn le_u32(self, at: usize) -> Result<u32, Malformed> {
        self.array(at).map(u32::from_le_bytes)
    }
}
