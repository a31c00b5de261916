//! The small payload that the real `oc` made, where it lies beside the project: what it is served by,
//! and what `oc` said of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outcome::Outcome;
use crate::scratch::Scratch;
use crate::tools::Distribution;
use crate::upstream::Ca;

/// The user that its server wants, and their password.
pub const LOGIN: (&str, &str) = ("mover", "a password");

/// The payload, with what belongs to it.
#[derive(Clone, Debug)]
pub struct Fixture(PathBuf);

impl Fixture {
    /// It, if it is there.
    pub fn find() -> Option<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let home = project.join("../shared/fixtures/openshift-4.18.7");
        home.is_dir().then_some(Self(home))
    }

    /// Starts docker-registry with the content of all its upstreams, for [`LOGIN`]; none where it is not
    /// installed.
    #[track_caller]
    pub fn serve(&self, ca: &Ca) -> Option<Distribution> {
        let archive = self.0.join("upstream-registry.tar.xz");
        Distribution::with_content(ca, LOGIN.0, LOGIN.1, |content| unpack(&archive, content))
    }

    /// Unpacks what `oc adm release mirror --to-dir` wrote, and says where.
    #[track_caller]
    pub fn oc_directory(&self, scratch: &Scratch) -> PathBuf {
        let directory = scratch.dir("oc-to-dir");
        unpack(&self.0.join("oc-to-dir.tar.xz"), &directory);
        directory
    }

    /// The key that its signature is made with.
    pub fn key(&self) -> PathBuf {
        self.0.join("release-key.asc")
    }

    /// Its store of signatures.
    pub fn signatures(&self) -> PathBuf {
        self.0.join("signatures")
    }

    /// What `oc` said, in this file.
    #[track_caller]
    pub fn expected(&self, name: &str) -> String {
        let path = self.0.join("expected").join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

#[track_caller]
fn unpack(archive: &Path, directory: &Path) {
    let mut command = Command::new("tar");
    command.arg("-xJf").arg(archive).arg("-C").arg(directory);
    Outcome::of(&mut command, "").ok();
}
