//! Which credentials a command brings along.
//!
//! A file that is named has to be there; else it is the first of the usual ones. Its text goes to
//! whoever copies, and nowhere else.

use std::fs;
use std::io;
use std::path::Path;

use crate::admin::failure::Failure;
use crate::admin::wanted::AuthFile;
use crate::config::environment::{AuthFiles, Environment};

/// Reads the file that `named` is, or the environment's.
///
/// # Errors
/// When a file that is there cannot be used, or one that is named is not there.
pub(super) fn find(
    named: Option<&Path>,
    environment: &Environment,
) -> Result<Option<AuthFile>, Failure> {
    if let Some(file) = named {
        return read(file, true);
    }
    match environment.auth_files() {
        AuthFiles::Named(file) => read(&file, false),
        AuthFiles::Usual(files) => {
            let is_there = |file: &&_| fs::exists(file).unwrap_or(true);
            let file = files.iter().find(is_there);
            file.map_or(Ok(None), |file| read(file, false))
        }
    }
}

fn read(file: &Path, is_given: bool) -> Result<Option<AuthFile>, Failure> {
    let attempt = || format!("read the credentials in {}", file.display());
    let text = fs::read_to_string(file);
    let text = text.map_err(|error: io::Error| Failure::because(attempt(), &error))?;
    let read = AuthFile::new(text, is_given);
    read.map(Some)
        .map_err(|error| Failure::because(attempt(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_has_to_be_there_and_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, environment) = (dir.path().join("auth.json"), Environment::default());
        find(Some(&file), &environment).unwrap_err();
        fs::write(&file, "no json").unwrap();
        find(Some(&file), &environment).unwrap_err();
        fs::write(&file, "{\"auths\": {}}").unwrap();
        let found = find(Some(&file), &environment).unwrap().unwrap();
        assert!(found.is_given);
        assert!(find(None, &environment).unwrap().is_none());
    }
}
