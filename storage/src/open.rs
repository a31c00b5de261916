//! Opens files for reading, without their time of access being written down.
//!
//! Who reads changes nothing: otherwise the first read of a file, and one a day, would wait for the
//! journal of the file system whenever somebody else's sync has it write.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file that is there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOATIME.bits().cast_signed();
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // Only the owner of a file may ask for that.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => File::open(path),
        opened => opened,
    }
}

/// Reads a small file that is there.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_read_is_not_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "content").unwrap();
        let long_ago = SystemTime::now() - Duration::from_hours(48);
        let times = fs::FileTimes::new().set_accessed(long_ago);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_times(times).unwrap();
        assert_eq!(read(&path).unwrap(), b"content");
        assert_eq!(fs::metadata(&path).unwrap().accessed().unwrap(), long_ago);
    }
}
