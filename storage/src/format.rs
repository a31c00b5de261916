//! The file `format`, which guards the layout: its version, alone on a line.
//!
//! A copy that a backup made says so in a second line, until it is served and goes its own way; so no
//! backup ever overwrites what is not a copy. A copy that was never finished names no version, and does
//! not open.

use std::fs;
use std::io;

use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;

/// The version of the layout that this program writes.
const FORMAT: u32 = 1;
const COPY: &str = "copy";
const UNFINISHED: &str = "unfinished copy";

/// What a data directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A store.
    Store,
    /// A store that a backup made and that was never served.
    Copy,
    /// What a backup has begun; no store yet.
    Unfinished,
}

/// What the data directory holds; `None` when nothing says so.
pub(crate) fn read(layout: &Layout) -> Result<Option<Form>, Error> {
    let path = layout.format();
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| Error::io("read", &path, source))?,
    };
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let form = match (first.parse::<u32>(), lines.next()) {
        (Ok(FORMAT), None) => Form::Store,
        (Ok(FORMAT), Some(COPY)) => Form::Copy,
        (Ok(found), _) if found > FORMAT => {
            return Err(Error::NewerFormat {
                found,
                known: FORMAT,
            });
        }
        (Err(_), None) if first == UNFINISHED => Form::Unfinished,
        _ => {
            return Err(Error::Damaged {
                path,
                defect: "it names no format",
            });
        }
    };
    Ok(Some(form))
}

/// Refuses a store that another version wrote and this one does not understand. A new store is marked
/// as one of ours.
pub(crate) fn check(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    match read(layout)? {
        Some(Form::Store | Form::Copy) => Ok(()),
        Some(Form::Unfinished) => Err(Error::UnfinishedBackup {
            root: layout.root().to_owned(),
        }),
        None => {
            disk.make_dirs(&layout.tmp())?;
            write(layout, disk)
        }
    }
}

/// From here on a copy is a store of its own.
pub(crate) fn leave_original(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    match read(layout)? {
        Some(Form::Copy) => write(layout, disk),
        _ => Ok(()),
    }
}

/// Whether the file says, to the letter, what an open store's may say.
pub(crate) fn is_intact(layout: &Layout) -> bool {
    let is_written = |form: Form, bytes: &[u8]| bytes == form.text().as_bytes();
    fs::read(layout.format())
        .is_ok_and(|bytes| is_written(Form::Store, &bytes) || is_written(Form::Copy, &bytes))
}

/// Marks the store as one of this version. On disk when this returns.
pub(crate) fn write(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    write_as(Form::Store, layout, disk)
}

/// Says what the data directory holds. On disk when this returns.
pub(crate) fn write_as(form: Form, layout: &Layout, disk: &Disk) -> Result<(), Error> {
    disk.put(&layout.tmp_file(), &layout.format(), form.text().as_bytes())
}

impl Form {
    fn text(self) -> String {
        match self {
            Self::Store => format!("{FORMAT}\n"),
            Self::Copy => format!("{FORMAT}\n{COPY}\n"),
            Self::Unfinished => format!("{UNFINISHED}\n"),
        }
    }
}
