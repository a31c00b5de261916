//! How files of a tree are called.
//!
//! `v2/<repository>/blobs/<digest>`, `v2/<repository>/manifests/<digest>` and `.../manifests/<tag>`.
//! Where a file system takes no colons, digests are written with `-`, as oc writes them on Windows.

use roadstead_storage::oci::{Algorithm, Digest, RepoName};

/// What begins the name of a file of ours that is not whole yet.
pub(super) const UNFINISHED: &str = ".tmp-";

/// The directory that repositories lie in.
pub(super) const REPOSITORIES: &str = "v2";

/// The directory that signatures of releases lie in.
pub(super) const SIGNATURES: &str = "config";

/// What a repository keeps its files in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    Blobs,
    Manifests,
}

impl Folder {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Manifests => "manifests",
        }
    }

    /// Where it lies in a tree.
    pub(super) fn of(self, repository: &RepoName) -> String {
        format!("{REPOSITORIES}/{repository}/{}", self.as_str())
    }
}

/// The digest that a file is named by, with a colon or with a dash.
pub(super) fn digest(name: &str) -> Option<Digest> {
    if let Ok(digest) = name.parse() {
        return Some(digest);
    }
    let (algorithm, hex) = name.split_once('-')?;
    let algorithm = match algorithm {
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        _ => return None,
    };
    Digest::from_hex(algorithm, hex).ok()
}

/// Whether a name is that of a file that somebody did not finish: oc, or this program.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED) || name.ends_with(".download")
}

/// A path below a directory, which may be the tree itself.
pub(super) fn below(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_may_be_written_as_windows_needs_it() {
        let hex = "0123456789abcdef".repeat(4);
        let expected: Digest = format!("sha256:{hex}").parse().unwrap();
        assert_eq!(digest(&format!("sha256:{hex}")), Some(expected));
        assert_eq!(digest(&format!("sha256-{hex}")), Some(expected));
        for other in ["latest", "sha256-12", "sha1-0123", "4.18.7-x86_64"] {
            assert_eq!(digest(other), None, "{other}");
        }
        assert_eq!(digest(&format!("sha256-{hex}.sig")), None);
    }

    #[test]
    fn what_was_left_half_way_is_known_by_its_name() {
        for name in [".tmp-1", "sha256:12.download", "4.18.download"] {
            assert!(is_unfinished(name), "{name}");
        }
        assert!(!is_unfinished("4.18.7-x86_64"));
    }
}
