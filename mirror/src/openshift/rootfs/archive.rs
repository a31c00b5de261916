//! The entries of a layer, one after the other, with their long names put together.
//!
//! Blocks. Long names and other attributes come as entries of their own before the entry that they are
//! of (POSIX pax, GNU tar); they are read here within bounds. Invariant: no entry is skipped that could
//! be a file, a link or a directory, and nothing is believed of one whose attributes contradict it.

use std::io::{self, Read};

use tar::{Archive, Entry, EntryType};

use super::pax;

/// More entries than any layer has.
const MAX_ENTRIES: usize = 2_000_000;
/// The longest attributes that are read, in bytes.
const MAX_ATTRIBUTES: u64 = 1024 * 1024;
/// The longest path, in bytes: no process could open what has a longer one (Linux, `PATH_MAX`).
const MAX_PATH: usize = 4096;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    HardLink,
    /// A device, a pipe, or something that is not known.
    Other,
    Symlink,
}

/// What is said of an entry.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) path: String,
    pub(super) kind: Kind,
    /// In bytes.
    pub(super) size: u64,
    /// Where a link leads.
    pub(super) link: Option<String>,
    /// When it was changed, in seconds since 1970.
    pub(super) modified: u64,
}

/// What was said ahead of an entry.
#[derive(Debug, Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Hands each entry to `take`, until that wants no more. Names that are not UTF-8 are passed over.
///
/// # Errors
/// When it is no archive, or `take` fails.
pub(super) fn entries<R: Read>(
    reader: R,
    mut take: impl FnMut(Header, &mut dyn Read) -> io::Result<bool>,
) -> io::Result<()> {
    let mut archive = Archive::new(reader);
    archive.set_ignore_zeros(false);
    let mut ahead = Ahead::default();
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        if count >= MAX_ENTRIES {
            return Err(malformed("it has more entries than any layer"));
        }
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => ahead.path = Some(text(&mut entry)?),
            EntryType::GNULongLink => ahead.link = Some(text(&mut entry)?),
            EntryType::XHeader => ahead.attributes(&mut entry)?,
            EntryType::XGlobalHeader => {}
            _ => {
                let ahead = std::mem::take(&mut ahead);
                if let Some(header) = ahead.header(&entry, kind)?
                    && !take(header, &mut entry)?
                {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

impl Ahead {
    fn attributes<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let bytes = attribute(entry)?;
        for attribute in pax::attributes(&bytes) {
            let attribute = attribute.ok_or_else(|| malformed("attributes of no known form"))?;
            let value = attribute.value;
            match attribute.key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value)
                        .ok()
                        .and_then(|it| it.parse().ok());
                    self.size = Some(size.ok_or_else(|| malformed("a size that is no number"))?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What is said of an entry; nothing where its name is not UTF-8.
    fn header<R: Read>(self, entry: &Entry<'_, R>, kind: EntryType) -> io::Result<Option<Header>> {
        let header = entry.header();
        let size = header.entry_size()?;
        if self.size.is_some_and(|told| told != size) {
            return Err(malformed("an entry of two sizes"));
        }
        let path = match self.path {
            Some(path) => path,
            None => header.path_bytes().into_owned(),
        };
        let link = match self.link {
            Some(link) => Some(link),
            None => header.link_name_bytes().map(std::borrow::Cow::into_owned),
        };
        let is_long = |name: &Vec<u8>| name.len() > MAX_PATH;
        if is_long(&path) || link.as_ref().is_some_and(is_long) {
            return Err(malformed("a path that is longer than any"));
        }
        let kind = match kind {
            EntryType::Directory => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Link => Kind::HardLink,
            EntryType::Symlink => Kind::Symlink,
            _ => Kind::Other,
        };
        let Ok(path) = String::from_utf8(path) else {
            return Ok(None);
        };
        Ok(Some(Header {
            // What is no longer a directory by its type was one by its name (POSIX ustar).
            kind: if kind == Kind::File && path.ends_with('/') {
                Kind::Directory
            } else {
                kind
            },
            path,
            size,
            link: link.and_then(|link| String::from_utf8(link).ok()),
            // Some leave it blank.
            modified: header.mtime().unwrap_or_default(),
        }))
    }
}

/// A name that is an entry of its own.
fn text<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<u8>> {
    let mut bytes = attribute(entry)?;
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    Ok(bytes)
}

fn attribute<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<u8>> {
    let size = entry.header().entry_size()?;
    if size > MAX_ATTRIBUTES {
        return Err(malformed("attributes that are longer than any"));
    }
    let mut bytes = Vec::new();
    entry.take(MAX_ATTRIBUTES).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
