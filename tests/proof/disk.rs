//! A disk that forgets all that was not synced: what would be lost after each call of a trace.
//!
//! The rules are those of POSIX and no kinder: the content of a file is safe once the file was
//! synced, its name once the directory was, and a new directory's name once its parent was. A sync
//! covers what was done before it began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::trace::{Call, Event};

/// The disk, as far as calls have been replayed.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Every path that exists.
    known: BTreeSet<PathBuf>,
    /// Files whose content would be lost, and the line that changed it.
    content: BTreeMap<PathBuf, usize>,
    /// Entries that would be lost or come back, and the line that changed them.
    entries: BTreeMap<PathBuf, usize>,
}

impl Disk {
    /// Replays a call.
    pub(crate) fn replay(&mut self, call: &Call) {
        let line = call.end;
        match &call.event {
            Event::Answered(_) => {}
            Event::Made(path) => {
                if self.known.insert(path.clone()) {
                    self.entries.insert(path.clone(), line);
                }
            }
            Event::Removed(path) => {
                self.known.remove(path);
                self.content.remove(path);
                self.entries.insert(path.clone(), line);
            }
            Event::Renamed(from, to) => {
                self.known.remove(from);
                self.known.insert(to.clone());
                self.content.remove(to);
                if let Some(changed) = self.content.remove(from) {
                    self.content.insert(to.clone(), changed);
                }
                self.entries.insert(from.clone(), line);
                self.entries.insert(to.clone(), line);
            }
            Event::Synced(path) => {
                let is_later = |changed: &usize| *changed > call.begin;
                self.content
                    .retain(|file, changed| file != path || is_later(changed));
                let is_in = |entry: &Path| entry.parent() == Some(path);
                self.entries
                    .retain(|entry, changed| !is_in(entry) || is_later(changed));
            }
            Event::Written(path) => {
                self.content.insert(path.clone(), line);
            }
        }
    }

    /// Whether something of this name exists.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.known.contains(path)
    }

    /// What below this directory would not be as it is now after a power cut.
    pub(crate) fn unsafe_below(&self, directory: &Path) -> Vec<String> {
        let content = self.content.iter().map(|change| ("the content of", change));
        let entries = self.entries.iter().map(|change| ("the name of", change));
        content
            .chain(entries)
            .filter(|(_, (path, _))| path.starts_with(directory))
            .map(|(what, (path, line))| {
                format!("{what} {} (changed in line {})", path.display(), line + 1)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::read;

    /// What would be lost below `/d` after this trace.
    fn lost_after(trace: &str) -> Vec<String> {
        let mut disk = Disk::default();
        for call in read(trace) {
            disk.replay(&call);
        }
        disk.unsafe_below(Path::new("/d"))
    }

    /// The same after these calls of one process.
    fn lost(calls: &[&str]) -> Vec<String> {
        lost_after(&format!("1 {}", calls.join("\n1 ")))
    }

    const CREATE: &str = "openat(AT_FDCWD</>, \"/t/new\", O_WRONLY|O_CREAT, 0600) = 3</t/new>";
    const WRITE: &str = "write(3</t/new>, \"x\", 1) = 1";
    const SYNC: &str = "fdatasync(3</t/new>) = 0";
    const RENAME: &str = "rename(\"/t/new\", \"/d/file\") = 0";
    const SYNC_DIRECTORY: &str = "fsync(4</d>) = 0";

    #[test]
    fn a_file_that_was_written_synced_named_and_its_directory_synced_is_safe() {
        assert!(lost(&[CREATE, WRITE, SYNC, RENAME, SYNC_DIRECTORY]).is_empty());
    }

    #[test]
    fn each_sync_that_is_left_out_is_missed() {
        let lost_content = lost(&[CREATE, WRITE, RENAME, SYNC_DIRECTORY]);
        assert_eq!(lost_content, ["the content of /d/file (changed in line 2)"]);
        let lost_name = lost(&[CREATE, WRITE, SYNC, RENAME]);
        assert_eq!(lost_name, ["the name of /d/file (changed in line 4)"]);
        let made = "mkdir(\"/d/new\", 0700) = 0";
        assert_eq!(lost(&[made, "fsync(4</d/new>) = 0"]).len(), 1);
        assert!(lost(&[made, SYNC_DIRECTORY]).is_empty());
    }

    #[test]
    fn a_sync_covers_nothing_that_came_after_it_or_during_it() {
        assert_eq!(
            lost(&[CREATE, SYNC, WRITE, RENAME, SYNC_DIRECTORY]).len(),
            1
        );
        assert_eq!(
            lost(&[CREATE, WRITE, SYNC, SYNC_DIRECTORY, RENAME]).len(),
            1
        );
        let during = "1 fsync(3</d> <unfinished ...>\n2 mkdir(\"/d/x\", 0700) = 0\n\
            1 <... fsync resumed>) = 0\n";
        assert_eq!(lost_after(during).len(), 1);
    }
}
