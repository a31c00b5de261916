//! Makes a program of what was taken out of a release: fills it in, signs it again where that is needed,
//! and gives it its name.
//!
//! Works on the file of whoever gave the command, with their rights. Invariant: a name appears once the
//! program behind it is finished and on disk; until then there is a hidden file, which goes when it fails.

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use roadstead_mirror::openshift::tool::{
    MachoError, Marker, PatchError, Signed, patch, sign_again,
};
use serde::Serialize;
use thiserror::Error;

use crate::admin::report::{ExtractedTool, Filling, MarkerName};

/// Everybody may run it.
const RUNNABLE: u32 = 0o755;

/// A program that is ready to be run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finished {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Where it is under another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) other_path: Option<PathBuf>,
    /// Its size in bytes.
    pub(super) size: u64,
    /// What it runs on.
    pub(super) system: String,
    /// The version of its release.
    pub(super) version: String,
    /// What was written into it.
    pub(super) filled_in: Vec<Filling>,
    /// What was to be written into it and has no place there.
    pub(super) without_place: Vec<MarkerName>,
    /// Whether a signature in it was made again.
    pub(super) signed_again: bool,
}

/// Why a program was not finished.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("{attempt} {}", path.display())]
    File {
        attempt: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("fill in {}", path.display())]
    Fill {
        path: PathBuf,
        #[source]
        source: PatchError,
    },
    #[error("sign {} again", path.display())]
    Sign {
        path: PathBuf,
        #[source]
        source: MachoError,
    },
}

impl Error {
    /// What may help.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Fill {
                source: PatchError::NoRoom { .. },
                ..
            } => Some("a shorter address of the registry fits, and so does --source"),
            _ => None,
        }
    }
}

/// Finishes the program that lies in this directory.
///
/// # Errors
/// When it cannot be filled in or signed, or the file system refuses. Nothing is left of it then.
pub(super) fn finish(directory: &Path, tool: &ExtractedTool) -> Result<Finished, Error> {
    let partial = directory.join(&tool.partial);
    let finished = finish_partial(directory, &partial, tool);
    if finished.is_err() {
        // It may have its name already; what counts is the first error.
        let _ = fs::remove_file(&partial);
    }
    finished
}

fn finish_partial(
    directory: &Path,
    partial: &Path,
    tool: &ExtractedTool,
) -> Result<Finished, Error> {
    let failed = |attempt: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File {
            attempt,
            path,
            source,
        }
    };
    let opened = OpenOptions::new().read(true).write(true).open(partial);
    let mut file = opened.map_err(failed("open", partial))?;
    let fillings: Vec<_> = tool.fillings.iter().map(marker_and_value).collect();
    let missing = patch(&mut file, &fillings).map_err(|source| Error::Fill {
        path: partial.to_owned(),
        source,
    })?;
    let signed = sign_again(&mut file).map_err(|source| Error::Sign {
        path: partial.to_owned(),
        source,
    })?;
    settle(&file, tool.modified).map_err(failed("finish", partial))?;
    let path = directory.join(&tool.name);
    fs::rename(partial, &path).map_err(failed("put in its place", &path))?;
    let other_path = match &tool.other_name {
        None => None,
        Some(name) => {
            let other = directory.join(name);
            link(&path, &other).map_err(failed("link", &other))?;
            Some(other)
        }
    };
    let sync = File::open(directory).and_then(|directory| directory.sync_all());
    sync.map_err(failed("sync", directory))?;
    let has_place = |filling: &&Filling| !missing.contains(&marker(filling.marker));
    let (filled_in, without_place): (Vec<_>, Vec<_>) = tool.fillings.iter().partition(has_place);
    Ok(Finished {
        path,
        other_path,
        size: tool.size,
        system: tool.system.clone(),
        version: tool.version.clone(),
        filled_in: filled_in.into_iter().cloned().collect(),
        without_place: without_place.iter().map(|filling| filling.marker).collect(),
        signed_again: signed == Signed::Again,
    })
}

/// Makes it a program of the age that its release gives it.
fn settle(file: &File, modified: u64) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(RUNNABLE))?;
    let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(modified));
    if let Some(modified) = modified {
        file.set_times(FileTimes::new().set_modified(modified))?;
    }
    file.sync_all()
}

/// Gives a file a second name, whatever had that before.
fn link(file: &Path, name: &Path) -> io::Result<()> {
    let next = name.with_file_name(format!(
        ".{}.partial",
        name.file_name().unwrap_or_default().to_string_lossy()
    ));
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(file, &next)?;
    // Where both names are of the same file already, this leaves the first of them.
    fs::rename(&next, name)?;
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn marker_and_value(filling: &Filling) -> (Marker, &str) {
    (marker(filling.marker), filling.value.as_str())
}

fn marker(name: MarkerName) -> Marker {
    match name {
        MarkerName::Architecture => Marker::Architecture,
        MarkerName::Image => Marker::Image,
        MarkerName::Version => Marker::Version,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// A marker, put together where nobody looks for one.
    fn place() -> Vec<u8> {
        let name = ["_RELEASE", "VERSION", "LOCATION_"].join("_");
        [b"\0", name.as_bytes(), b"\0", &[b'X'; 64], b"\0"].concat()
    }

    fn tool(values: &[&str]) -> ExtractedTool {
        let filling = |value: &&str| Filling {
            marker: MarkerName::Version,
            value: (*value).to_owned(),
        };
        ExtractedTool {
            name: "oc".to_owned(),
            other_name: Some("kubectl".to_owned()),
            partial: ".oc.partial".to_owned(),
            size: 9,
            modified: 1_700_000_000,
            system: "linux/amd64".to_owned(),
            version: "4.18.7".to_owned(),
            fillings: values.iter().map(filling).collect(),
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_program_appears_filled_in_runnable_and_under_both_names() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["4.18.7", "4.18.8"] {
            let program = [b"program", place().as_slice()].concat();
            fs::write(dir.path().join(".oc.partial"), program).unwrap();

            let finished = finish(dir.path(), &tool(&[version])).unwrap();

            assert_eq!(names(dir.path()), ["kubectl", "oc"]);
            assert!(finished.without_place.is_empty() && !finished.signed_again);
            let written = fs::read(dir.path().join("oc")).unwrap();
            assert!(written.starts_with(format!("program{version}\0").as_bytes()));
            let [oc, kubectl] =
                ["oc", "kubectl"].map(|it| fs::metadata(dir.path().join(it)).unwrap());
            assert_eq!(oc.ino(), kubectl.ino());
            assert_eq!((oc.mode() & 0o777, oc.mtime()), (0o755, 1_700_000_000));
        }
    }

    #[test]
    fn a_program_without_a_place_for_it_is_finished_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".oc.partial"), "program").unwrap();
        let finished = finish(dir.path(), &tool(&["4.18.7"])).unwrap();
        assert_eq!(finished.without_place, [MarkerName::Version]);
        assert!(finished.filled_in.is_empty());
        assert_eq!(fs::read(dir.path().join("oc")).unwrap(), b"program");
    }

    #[test]
    fn nothing_is_left_of_one_that_cannot_be_finished() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".oc.partial"), place()).unwrap();
        let error = finish(dir.path(), &tool(&["4".repeat(93).as_str()])).unwrap_err();
        assert!(matches!(error, Error::Fill { .. }) && error.hint().is_some());
        assert!(names(dir.path()).is_empty());
    }
}
