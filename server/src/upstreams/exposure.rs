//! Whether a file of credentials is open to others than its owner.
//!
//! Owns what counts as open: others may read it, or somebody else may put credentials in it. That a
//! group reads it is how services share one. Knows nothing of what it says.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tracing::warn;

/// What others may not: read, or write.
const OTHERS: u32 = 0o006;

/// What a group may not: write.
const GROUP: u32 = 0o020;

/// Says in the log which of these files are open, each once, and what mends that. Blocks.
pub(super) fn tell_of_open<'a>(files: impl Iterator<Item = &'a PathBuf>) {
    for file in files.collect::<BTreeSet<_>>() {
        if let Some(mode) = open_mode(file) {
            let (file, mode) = (file.display(), format_args!("{mode:o}"));
            let mend = format_args!("chmod 600 {file}");
            warn!(%file, %mode, %mend, "A file of credentials is open to other users");
        }
    }
}

/// The mode of a file that is open. Who reads a file that is not there finds that out by itself.
fn open_mode(file: &Path) -> Option<u32> {
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & (OTHERS | GROUP) != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_read_or_a_group_writes_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.json");
        assert_eq!(open_mode(&file), None);
        fs::write(&file, "{}").unwrap();
        let check = |mode, is_open: bool| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_mode(&file), is_open.then_some(mode), "{mode:o}");
        };
        for mode in [0o400, 0o600, 0o640, 0o440] {
            check(mode, false);
        }
        for mode in [0o644, 0o604, 0o602, 0o620, 0o660, 0o666] {
            check(mode, true);
        }
    }
}
