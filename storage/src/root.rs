//! The data directory itself: that it is fit for a store, and that it is ours.
//!
//! Knows nothing of what a store holds. Whoever wants to write below a data directory [takes](lock) it
//! first, and keeps the file that it gets as long as it writes.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use uuid::Uuid;

use crate::disk::Disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::walk;

/// Takes the data directory for this process until the file is closed, and says who has it.
pub(crate) fn lock(layout: &Layout, disk: &Disk) -> Result<File, Error> {
    let path = layout.lock();
    let file = if path.exists() {
        disk.open_for_writing(&path)
    } else {
        disk.create(&path)
    }?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            // Only for the message; an unreadable one says as much.
            let _ = (&file).take(100).read_to_string(&mut by);
            let by = if by.is_empty() {
                "another process".to_owned()
            } else {
                by.trim().to_owned()
            };
            return Err(Error::Locked {
                root: layout.root().to_owned(),
                by,
            });
        }
        Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path, source)),
    }
    disk.truncate(&file, &path, 0)?;
    disk.write_at(
        &file,
        &path,
        0,
        format!("process {}\n", std::process::id()).as_bytes(),
    )?;
    Ok(file)
}

/// Refuses a directory that everybody on the machine can write to.
pub(crate) fn refuse_world_writable(root: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(root).map_err(|source| Error::io("look at", root, source))?;
    if metadata.permissions().mode() & 0o002 != 0 {
        return Err(Error::WorldWritable {
            root: root.to_owned(),
        });
    }
    Ok(())
}

/// Tags differ in case, and so must their files. To be called with the lock held.
pub(crate) fn refuse_case_folding(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    let name = Uuid::new_v4().to_string();
    let (lower, upper) = (
        layout.tmp().join(format!("{name}-a")),
        layout.tmp().join(format!("{name}-A")),
    );
    disk.create(&lower)?;
    let folds = upper.exists();
    disk.remove(&lower)?;
    if folds {
        Err(Error::CaseFolding {
            root: layout.root().to_owned(),
        })
    } else {
        Ok(())
    }
}

/// Removes what was being written when the last holder of the lock ended. To be called with the lock
/// held.
pub(crate) fn empty_tmp(layout: &Layout, disk: &Disk) -> Result<(), Error> {
    for left_over in walk::names(&layout.tmp(), |name| Some(name.to_owned()))? {
        disk.remove(&layout.tmp().join(left_over))?;
    }
    Ok(())
}
