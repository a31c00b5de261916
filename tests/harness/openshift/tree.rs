//! A directory as `oc image mirror` and `oc adm release mirror --to-dir` write it.
//!
//! Blobs and manifests are files named by digest, a manifest's second name is a hard link, and a tag is
//! a symbolic link beside it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use super::component::Target;
use crate::digest::Digest;
use crate::image::Manifest;
use crate::upstream::Blob;

/// Such a directory.
#[derive(Clone, Debug)]
pub struct OcTree(PathBuf);

impl OcTree {
    /// One that is there, or will be.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a blob of a repository lies in it.
    pub fn blob(&self, repository: &str, digest: &Digest) -> PathBuf {
        self.folder(repository, "blobs").join(digest.as_str())
    }

    /// Where a manifest or a tag of a repository lies in it.
    pub fn manifest(&self, repository: &str, reference: &str) -> PathBuf {
        self.folder(repository, "manifests").join(reference)
    }

    /// The tags of a repository, with what they lead to, as oc reads them: by the names of links.
    #[track_caller]
    pub fn tags(&self, repository: &str) -> BTreeMap<String, Digest> {
        let mut tags = BTreeMap::new();
        for entry in fs::read_dir(self.folder(repository, "manifests")).expect("a folder") {
            let entry = entry.expect("an entry");
            if let Ok(target) = fs::read_link(entry.path()) {
                let target = target.to_str().expect("a text").to_owned();
                let name = entry.file_name().into_string().expect("a name");
                tags.insert(name, Digest::verbatim(target));
            }
        }
        tags
    }

    /// Insists that a repository is as oc reads it: every file holds what its name says, every manifest
    /// is a blob's second name, every tag leads to one, and nothing else is there.
    #[track_caller]
    pub fn check(&self, repository: &str) {
        let names = |folder: &str| {
            let entries = fs::read_dir(self.folder(repository, folder)).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            names
                .map(|name| name.into_string().expect("a name"))
                .collect::<Vec<_>>()
        };
        for name in names("blobs") {
            let path = self.folder(repository, "blobs").join(&name);
            let bytes = fs::read(&path).expect("a blob");
            assert_eq!(Digest::of(&bytes).as_str(), name, "what {name} holds");
        }
        for name in names("manifests") {
            let path = self.manifest(repository, &name);
            let metadata = fs::symlink_metadata(&path).expect("a manifest");
            let digest = if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                target.into_os_string().into_string().expect("a text")
            } else {
                name
            };
            let blob = self.folder(repository, "blobs").join(&digest);
            let (blob, manifest) = (fs::metadata(blob), fs::metadata(&path));
            let (blob, manifest) = (blob.expect("a blob"), manifest.expect("a manifest"));
            assert_eq!(blob.ino(), manifest.ino(), "{digest} is one file");
        }
    }

    fn folder(&self, repository: &str, folder: &str) -> PathBuf {
        self.0.join("v2").join(repository).join(folder)
    }

    #[track_caller]
    fn write(&self, repository: &str, bytes: &[u8]) -> PathBuf {
        let path = self.blob(repository, &Digest::of(bytes));
        fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
        fs::write(&path, bytes).expect("write a blob");
        path
    }
}

impl Target for OcTree {
    #[track_caller]
    fn take_blob(&self, repository: &str, blob: &Blob) {
        match blob {
            Blob::Bytes(bytes) => self.write(repository, bytes),
            Blob::Noise(noise) => self.write(repository, &noise.bytes()),
        };
    }

    #[track_caller]
    fn take_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) {
        let blob = self.write(repository, &manifest.bytes);
        let digest = manifest.digest();
        let path = self.manifest(repository, digest.as_str());
        fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
        if !path.exists() {
            fs::hard_link(blob, &path).expect("link a manifest");
        }
        if reference != digest.as_str() {
            let tag = self.manifest(repository, reference);
            symlink(digest.as_str(), tag).expect("link a tag");
        }
    }
}
