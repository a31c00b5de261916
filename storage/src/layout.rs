//! Where everything lies below the data directory. The one place that spells a path.
//!
//! ```text
//! format                                     version of this layout
//! lock                                       who holds the store
//! blobs/<algorithm>/<2 hex>/<hex>            bytes of blobs and manifests, once
//! repos/<name>/_manifests/<algorithm>/<hex>  record of a manifest
//! repos/<name>/_tags/<tag>                   record of a tag
//! repos/<name>/_referrers/<algorithm>/<subject>/<algorithm>-<hex>
//! repos/<name>/_blobs/<algorithm>/<hex>      this repository may serve that blob
//! signatures/<algorithm>=<hex>/signature-<n>  signatures of a release, as their stores lay them out
//! uploads/<id>/{data,state,checkpoint}       an upload in progress
//! fetches/<algorithm>/<hex>/data             a fetch from an upstream in progress
//! tmp/                                       being written
//! trash/<algorithm>-<hex>                    collected, soon gone
//! quarantine/<algorithm>-<hex>               damaged, never served
//! quarantine/repos/                          damaged records, laid out as in repos/
//! state/scrub                                how far the background scrub has come
//! state/<subject>/<name>.json                what others note about their own work
//! index/                                     derived, may be deleted
//! ```
//! A repository's own folders begin with `_`, which no component of a repository name can.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::oci::{Digest, RepoName, Tag};

/// Paths below one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.blobs()
            .join(digest.algorithm().as_str())
            .join(&hex[..2])
            .join(&hex)
    }

    pub(crate) fn repos(&self) -> PathBuf {
        self.root.join("repos")
    }

    pub(crate) fn repo(&self, name: &RepoName) -> RepoLayout {
        RepoLayout {
            dir: self.repos().join(name.as_str()),
        }
    }

    /// Where the signatures of a release lie.
    pub(crate) fn signatures(&self, release: &Digest) -> PathBuf {
        let name = format!("{}={}", release.algorithm(), release.hex());
        self.root.join("signatures").join(name)
    }

    /// A signature of a release, by its number.
    pub(crate) fn signature(&self, release: &Digest, number: u8) -> PathBuf {
        let name = format!("signature-{number}");
        self.signatures(release).join(name)
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    pub(crate) fn upload(&self, id: Uuid) -> PathBuf {
        self.uploads().join(id.to_string())
    }

    /// The bytes of an upload.
    pub(crate) fn upload_data(&self, id: Uuid) -> PathBuf {
        self.upload(id).join("data")
    }

    pub(crate) fn fetches(&self) -> PathBuf {
        self.root.join("fetches")
    }

    pub(crate) fn fetch(&self, blob: &Digest) -> PathBuf {
        let algorithm = blob.algorithm().as_str();
        self.fetches().join(algorithm).join(blob.hex())
    }

    /// The bytes of a fetch.
    pub(crate) fn fetch_data(&self, blob: &Digest) -> PathBuf {
        self.fetch(blob).join("data")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(crate) fn trashed(&self, blob: &Digest) -> PathBuf {
        self.trash().join(flat_name(blob))
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    pub(crate) fn quarantined(&self, blob: &Digest) -> PathBuf {
        self.quarantine().join(flat_name(blob))
    }

    pub(crate) fn quarantined_repos(&self) -> PathBuf {
        self.quarantine().join("repos")
    }

    /// Where what was set aside of a repository lies.
    pub(crate) fn quarantined_repo(&self, name: &RepoName) -> RepoLayout {
        RepoLayout {
            dir: self.quarantined_repos().join(name.as_str()),
        }
    }

    pub(crate) fn scrub_cursor(&self) -> PathBuf {
        self.root.join("state").join("scrub")
    }

    /// Where others note something about their own work.
    pub(crate) fn note(&self, subject: &str, file: &str) -> PathBuf {
        self.notes(subject).join(file)
    }

    /// All notes of a subject.
    pub(crate) fn notes(&self, subject: &str) -> PathBuf {
        self.root.join("state").join(subject)
    }

    /// What no repository refers to and a copy of the data directory has to have all the same: files,
    /// and directories of files, replaced whole. Of the notes those on what lies here; a copy has had no
    /// jobs.
    pub(crate) fn kept_for_others(&self) -> [PathBuf; 6] {
        [
            "signatures",
            "certs",
            "users.htpasswd",
            "admin-password",
            "state/releases",
            "state/samples",
        ]
        .map(|name| self.root.join(name))
    }

    /// A fresh name in `tmp/`.
    pub(crate) fn tmp_file(&self) -> PathBuf {
        self.tmp().join(Uuid::new_v4().to_string())
    }
}

/// Paths below one repository.
#[derive(Debug, Clone)]
pub(crate) struct RepoLayout {
    dir: PathBuf,
}

impl RepoLayout {
    /// The folders of a repository itself, as against repositories nested below it.
    pub(crate) const FOLDERS: [&'static str; 4] = ["_manifests", "_tags", "_referrers", "_blobs"];

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.dir.join("_manifests")
    }

    pub(crate) fn manifest(&self, digest: &Digest) -> PathBuf {
        self.manifests()
            .join(digest.algorithm().as_str())
            .join(digest.hex())
    }

    pub(crate) fn tags(&self) -> PathBuf {
        self.dir.join("_tags")
    }

    pub(crate) fn tag(&self, tag: &Tag) -> PathBuf {
        self.tags().join(tag.as_str())
    }

    pub(crate) fn all_referrers(&self) -> PathBuf {
        self.dir.join("_referrers")
    }

    pub(crate) fn referrers(&self, subject: &Digest) -> PathBuf {
        self.all_referrers()
            .join(subject.algorithm().as_str())
            .join(subject.hex())
    }

    pub(crate) fn referrer(&self, subject: &Digest, referrer: &Digest) -> PathBuf {
        self.referrers(subject).join(flat_name(referrer))
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.dir.join("_blobs")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs()
            .join(digest.algorithm().as_str())
            .join(digest.hex())
    }
}

/// A digest as one file name, `<algorithm>-<hex>`.
fn flat_name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.hex())
}

/// Reads back the number in the name of a signature.
pub(crate) fn parse_signature_name(name: &str) -> Option<u8> {
    let text = name.strip_prefix("signature-")?;
    let number: u8 = text.parse().ok()?;
    // One number, one name.
    (number > 0 && number.to_string() == text).then_some(number)
}

/// Reads back what [`Layout`] writes as `<algorithm>-<hex>`.
pub(crate) fn parse_flat_name(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.split_once('-')?;
    Digest::from_hex(algorithm.parse().ok()?, hex).ok()
}
