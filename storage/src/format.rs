//! The file `format`, which guards the layout: its version, alone on a line.

use std::fs;
use std::io;

use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;

/// The version of the layout that this program writes.
const FORMAT: u32 = 1;

/// Refuses a store that another version wrote and this one does not understand. A new store is marked
/// as one of ours.
pub(crate) fn check(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    let path = layout.format();
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(FORMAT) => Ok(()),
            Ok(found) if found > FORMAT => Err(Error::NewerFormat {
                found,
                known: FORMAT,
            }),
            _ => Err(Error::Damaged {
                path,
                defect: "it names no format",
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.make_dirs(&layout.tmp())?;
            write(layout, disk)
        }
        Err(source) => Err(Error::io("read", &path, source)),
    }
}

/// Whether the file says, to the letter, what is written into it.
pub(crate) fn is_intact(layout: &Layout) -> bool {
    fs::read(layout.format()).is_ok_and(|bytes| bytes == text().as_bytes())
}

/// Marks the store as one of this version. On disk when this returns.
pub(crate) fn write(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    disk.put(&layout.tmp_file(), &layout.format(), text().as_bytes())
}

fn text() -> String {
    format!("{FORMAT}\n")
}
