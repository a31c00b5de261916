//! Files of a tree, each written whole or not at all, and what is the same written once.
//!
//! Invariant: a file has its name when its bytes have been hashed and are on disk.

use std::collections::{HashMap, HashSet};
use std::io;

use bytes::Bytes;
use futures_util::future::join;
use roadstead_storage::Repo;
use roadstead_storage::oci::{Digest, Hasher, RepoName, Tag};

use super::style::{MODE, Style};
use crate::media::failure::Failure;
use crate::media::graph::Node;
use crate::media::name::{Folder, UNFINISHED, below};
use crate::media::tree::{Kind, LONGEST, Tree};

/// Writes into a tree.
pub(super) struct Writer<'a, T> {
    tree: &'a T,
    pub(super) style: Style,
    /// What a file is called that is not whole yet: by nobody else, so that nobody else writes into it.
    unfinished: String,
    /// Where what has a digest lies by now, and was hashed.
    written: HashMap<Digest, String>,
    /// Files that were seen to.
    done: HashSet<String>,
    directories: HashSet<String>,
    bytes: u64,
}

impl<'a, T: Tree> Writer<'a, T> {
    pub(super) fn new(tree: &'a T, style: Style) -> io::Result<Self> {
        let number = getrandom::u64().map_err(io::Error::other)?;
        Ok(Self {
            tree,
            style,
            unfinished: format!("{UNFINISHED}{number:016x}"),
            written: HashMap::new(),
            done: HashSet::new(),
            directories: HashSet::new(),
            bytes: 0,
        })
    }

    /// How many bytes were written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sees to it that a blob of a repository lies in the tree. How many bytes were written for that.
    pub(super) async fn blob(
        &mut self,
        repo: &Repo,
        digest: Digest,
        size: u64,
    ) -> Result<u64, Failure> {
        let Some((folder, path)) = self.begin(repo.name(), digest, size).await? else {
            return Ok(0);
        };
        let held = repo.blob(digest).await?;
        let held = held.ok_or(Failure::MissingHere { digest })?;
        let unfinished = self.create(&folder).await?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut offset = 0;
        let mut piece = held.read(0, LONGEST as usize).await?;
        while !piece.is_empty() {
            hasher.update(&piece);
            let length = piece.len() as u64;
            // The next piece is read while this one is written.
            let next = held.read(offset + length, LONGEST as usize);
            let (written, next) = join(self.tree.write(&unfinished, offset, piece), next).await;
            written?;
            piece = next?;
            offset += length;
        }
        if hasher.finish() != digest {
            self.tree.remove(&unfinished).await?;
            return Err(Failure::DamagedHere { digest });
        }
        self.finish(&unfinished, &path).await?;
        self.bytes += offset;
        self.written.insert(digest, path);
        Ok(offset)
    }

    /// Sees to it that a manifest lies in the tree, as a blob and as a manifest. How many bytes were
    /// written for that.
    pub(super) async fn manifest(
        &mut self,
        repository: &RepoName,
        node: &Node,
    ) -> Result<u64, Failure> {
        let bytes = node.manifest.bytes();
        let mut written = 0;
        if let Some((folder, path)) = self
            .begin(repository, node.digest, bytes.len() as u64)
            .await?
        {
            written += self.write(&folder, &path, bytes).await?;
            self.written.insert(node.digest, path);
        }
        let name = self.style.name(node.digest);
        let folder = self.directory(repository, Folder::Manifests).await?;
        let path = below(&folder, &name);
        if !self.done.insert(path.clone()) {
            return Ok(written);
        }
        let blob = below(&Folder::Blobs.of(repository), &name);
        if self.style.links {
            self.link(&blob, &folder, &path).await?;
        } else {
            written += self.write(&folder, &path, bytes).await?;
        }
        Ok(written)
    }

    /// Has a tag lead to a manifest that lies in the tree.
    pub(super) async fn tag(
        &mut self,
        repository: &RepoName,
        tag: &Tag,
        node: &Node,
    ) -> Result<(), Failure> {
        let folder = self.directory(repository, Folder::Manifests).await?;
        let path = below(&folder, tag.as_str());
        if self.style.symlinks {
            let unfinished = self.unfinished(&folder).await?;
            let target = self.style.name(node.digest);
            self.tree.symlink(&target, &unfinished).await?;
            self.tree.rename(&unfinished, &path).await?;
        } else {
            self.write(&folder, &path, node.manifest.bytes()).await?;
        }
        Ok(())
    }

    /// Writes a small file into a directory of the tree.
    pub(super) async fn file(
        &mut self,
        folder: &str,
        name: &str,
        bytes: &Bytes,
    ) -> Result<(), Failure> {
        self.make(folder).await?;
        self.write(folder, &below(folder, name), bytes).await?;
        Ok(())
    }

    /// Waits until all names are on disk.
    pub(super) async fn sync(&self) -> Result<(), Failure> {
        for directory in &self.directories {
            self.tree.sync(directory).await?;
        }
        self.tree.sync("").await?;
        Ok(())
    }

    /// Where a blob is to be written; nothing if that is not needed any more.
    async fn begin(
        &mut self,
        repository: &RepoName,
        digest: Digest,
        size: u64,
    ) -> Result<Option<(String, String)>, Failure> {
        let folder = self.directory(repository, Folder::Blobs).await?;
        let path = below(&folder, &self.style.name(digest));
        if !self.done.insert(path.clone()) {
            return Ok(None);
        }
        if let (Some(written), true) = (self.written.get(&digest).cloned(), self.style.links) {
            self.link(&written, &folder, &path).await?;
            return Ok(None);
        }
        if self.tree.describe(&path).await? == Some(Kind::File { size })
            && self.holds(&path, digest).await?
        {
            self.written.insert(digest, path);
            return Ok(None);
        }
        Ok(Some((folder, path)))
    }

    /// Whether a file that is there holds what its name says: media forget, and oc does not look.
    async fn holds(&self, path: &str, digest: Digest) -> Result<bool, Failure> {
        let mut hasher = Hasher::new(digest.algorithm());
        let mut offset = 0;
        loop {
            let piece = self.tree.read(path, offset, LONGEST).await?;
            if piece.is_empty() {
                return Ok(hasher.finish() == digest);
            }
            hasher.update(&piece);
            offset += piece.len() as u64;
        }
    }

    async fn write(&mut self, folder: &str, path: &str, bytes: &Bytes) -> Result<u64, Failure> {
        let unfinished = self.create(folder).await?;
        self.tree.write(&unfinished, 0, bytes.clone()).await?;
        self.finish(&unfinished, path).await?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len() as u64)
    }

    async fn link(&self, from: &str, folder: &str, path: &str) -> Result<(), Failure> {
        let unfinished = self.unfinished(folder).await?;
        self.tree.link(from, &unfinished).await?;
        self.tree.rename(&unfinished, path).await?;
        // Where both names were the same file already, renaming did nothing.
        self.forget(&unfinished).await
    }

    async fn finish(&self, unfinished: &str, path: &str) -> Result<(), Failure> {
        self.tree.sync(unfinished).await?;
        self.tree.rename(unfinished, path).await?;
        Ok(())
    }

    async fn create(&self, folder: &str) -> Result<String, Failure> {
        let unfinished = self.unfinished(folder).await?;
        self.tree.create(&unfinished, MODE).await?;
        Ok(unfinished)
    }

    /// The path of what is not whole yet in a directory. What failed there before goes.
    async fn unfinished(&self, folder: &str) -> Result<String, Failure> {
        let path = below(folder, &self.unfinished);
        self.forget(&path).await?;
        Ok(path)
    }

    async fn forget(&self, path: &str) -> Result<(), Failure> {
        match self.tree.remove(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn directory(
        &mut self,
        repository: &RepoName,
        folder: Folder,
    ) -> Result<String, Failure> {
        let path = folder.of(repository);
        self.make(&path).await?;
        Ok(path)
    }

    async fn make(&mut self, path: &str) -> Result<(), Failure> {
        if !self.directories.insert(path.to_owned()) {
            return Ok(());
        }
        self.tree.make_dir(path).await?;
        for entry in self.tree.list(path).await? {
            // What an export left that was killed. One that still runs fails for it, and writes nothing
            // wrong.
            if entry.name.starts_with(UNFINISHED) {
                self.forget(&below(path, &entry.name)).await?;
            }
        }
        Ok(())
    }
}
