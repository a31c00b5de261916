//! The sources of the workspace, read once per rule: which files there are and what they name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates of the house. `tests` stands outside, and only some rules hold for it.
pub(crate) const HOUSE: [&str; 4] = ["certs", "mirror", "server", "storage"];

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the root of the workspace.
    pub(crate) path: String,
    /// Its whole text.
    pub(crate) text: String,
}

impl Source {
    /// The text without comments and without the unit tests at its end.
    pub(crate) fn code(&self) -> String {
        let end = self
            .text
            .find("#[cfg(test)]\nmod ")
            .unwrap_or(self.text.len());
        let lines = self.text[..end].lines();
        lines
            .map(|line| line.split("//").next().unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Whether it holds nothing but tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}

/// Every Rust file below this folder of the workspace, sorted by path.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let mut paths = BTreeSet::new();
    collect(&root().join(folder), &mut paths);
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a source file is text"),
        path: path
            .strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string(),
    };
    paths.into_iter().map(read).collect()
}

/// Every Rust file of the house, its own tests included.
pub(crate) fn house() -> Vec<Source> {
    HOUSE.iter().flat_map(|folder| sources(folder)).collect()
}

fn collect(dir: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder of the workspace") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
}
