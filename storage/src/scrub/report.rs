//! What a scrub has to tell: each defect, what became of it, and whom it concerns.
//!
//! Plain data, for a command to print or a log to keep. What a crash may leave behind in a store that
//! works as it should is no defect.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::oci::{Digest, Reference, RepoName, Tag};

/// What a scrub read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scrubbed {
    /// Blobs read, manifests among them.
    pub blobs: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Repositories checked.
    pub repositories: u64,
    /// Manifests of all repositories.
    pub manifests: u64,
    /// Tags of all repositories.
    pub tags: u64,
    /// Links from repositories to blobs.
    pub links: u64,
    /// Uploads in progress whose bytes were read.
    pub uploads: u64,
    /// Leavings of interrupted work, put in order: no defects.
    pub tidied: u64,
    /// What is wrong, or was.
    pub defects: Vec<Defect>,
    /// Content that repositories miss, for whoever can bring it again; the defects tell it to people.
    #[serde(skip)]
    pub lost: Vec<Lost>,
}

/// Content that is gone, and that a repository should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The repository.
    pub repository: RepoName,
    /// What it misses.
    pub digest: Digest,
    /// Whether it is one of its manifests; otherwise a blob.
    pub is_manifest: bool,
}

impl Scrubbed {
    /// Whether something that was acknowledged is gone.
    pub fn has_losses(&self) -> bool {
        let is_loss = |defect: &Defect| defect.outcome == Outcome::Lost;
        self.defects.iter().any(is_loss)
    }
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Defect {
    /// The file, below the data directory.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
    /// What became of it.
    pub outcome: Outcome,
    /// What can no longer be pulled, or not whole, in order.
    pub affects: Vec<Affected>,
}

impl Display for Defect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            problem,
            outcome,
            ..
        } = self;
        write!(f, "{}: {problem}; {outcome}", path.display())
    }
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Problem {
    /// The bytes have changed.
    Damaged,
    /// A tag names a manifest that is not here.
    Dangling,
    /// A blob or manifest is not where its repository says it is.
    Missing,
    /// A file whose name says it all has bytes.
    NotEmpty,
    /// The bytes are no manifest.
    NoManifest,
    /// An earlier scrub set it aside, and it has not come back.
    SetAsideBefore,
    /// It is none of the store's files.
    Stray,
    /// The disk does not give the bytes.
    Unreadable,
    /// The record says other than the manifest itself.
    Untrue,
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "its bytes have changed",
            Self::Dangling => "it names a manifest that is not here",
            Self::Missing => "it is gone",
            Self::NotEmpty => "it should be empty",
            Self::NoManifest => "its bytes are no manifest",
            Self::SetAsideBefore => "it was set aside before and has not come back",
            Self::Stray => "it is none of the store's files",
            Self::Unreadable => "the disk does not give its bytes",
            Self::Untrue => "it says other than the manifest itself",
        })
    }
}

/// What became of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// Something is gone that a repository should have. What is left of it lies in quarantine.
    Lost,
    /// All is well again.
    Repaired,
    /// Left as it is, for the administrator to look at.
    Reported,
    /// Moved to quarantine. Nothing needed it.
    SetAside,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Repaired => "repaired",
            Self::Reported => "left as it is",
            Self::SetAside => "set aside, nothing needed it",
        })
    }
}

/// A tag, a manifest or a blob of a repository, written `repository:tag` or `repository@digest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Affected {
    /// The repository.
    pub repository: RepoName,
    /// What of it.
    pub reference: Reference,
}

impl Affected {
    /// A tag.
    pub(super) fn tag(repository: &RepoName, tag: Tag) -> Self {
        Self {
            repository: repository.clone(),
            reference: Reference::Tag(tag),
        }
    }

    /// A manifest or a blob.
    pub(super) fn digest(repository: &RepoName, digest: Digest) -> Self {
        Self {
            repository: repository.clone(),
            reference: Reference::Digest(digest),
        }
    }
}

impl Display for Affected {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            repository,
            reference,
        } = self;
        match reference {
            Reference::Digest(digest) => write!(f, "{repository}@{digest}"),
            Reference::Tag(tag) => write!(f, "{repository}:{tag}"),
        }
    }
}

impl Serialize for Affected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Names that are no text are shown as well as they can be.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_reads_well_and_has_stable_json() {
        let name: RepoName = "a/b".parse().expect("a valid name");
        let tag = "v1".parse().expect("a valid tag");
        let defect = Defect {
            path: "repos/a/b/_tags/v1".into(),
            problem: Problem::NoManifest,
            outcome: Outcome::SetAside,
            affects: vec![Affected::tag(&name, tag)],
        };
        let json = r#"{"path":"repos/a/b/_tags/v1","problem":"no-manifest","outcome":"set-aside","affects":["a/b:v1"]}"#;
        assert_eq!(serde_json::to_string(&defect).expect("plain data"), json);
        let text = "repos/a/b/_tags/v1: its bytes are no manifest; set aside, nothing needed it";
        assert_eq!(defect.to_string(), text);
    }
}
