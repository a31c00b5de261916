//! A store to be tried again and again: each time a copy of the same files, opened with the injector.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use roadstead_storage::oci::{Algorithm, Manifest};
use roadstead_storage::{Clock, Config, Error, Hook, KeepFree, Store, UploadId};

use crate::common::{edit_record, image, leave, push_blob, put, repo, sha256};
use crate::descriptor;
use crate::fault::Injector;

/// How many bytes make an upload sync a checkpoint.
const CHECKPOINT: usize = 64 * 1024 * 1024;
/// What a repository's layer is.
pub(crate) const LAYER: &[u8] = b"layer";

/// What has come of the upload.
pub(crate) const BEGUN: &[u8] = b"begun";

/// What the files are like before the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// No directory at all.
    Nothing,
    /// Two repositories with an image in common, one that refers to it, an upload, a backup.
    Sound,
    /// The same, with damage that a scrub can repair.
    Damaged,
    /// The same, but the upload is one byte short of a checkpoint.
    AlmostCheckpoint,
}

/// The directory, the store in it, and what makes it fail.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
    ahead: Arc<AtomicU64>,
    pub(crate) injector: Arc<Injector>,
    /// The upload that the scene has left.
    pub(crate) upload: Option<UploadId>,
    store: Option<Store>,
}

impl Lab {
    /// Makes the files of `scene`. In memory if there is such a place: a fault waits for no disk.
    pub(crate) async fn new(scene: Scene) -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let mut lab = Self {
            dir: dir.expect("a temporary directory"),
            ahead: Arc::default(),
            injector: Arc::default(),
            upload: None,
            store: None,
        };
        for dir in [lab.template(), lab.scratch()] {
            fs::create_dir(dir).expect("makes a directory");
        }
        if scene != Scene::Nothing {
            lab.open().await.expect("opens");
            populate(lab.store(), &lab.copy()).await;
            let begun = match scene {
                Scene::AlmostCheckpoint => vec![0; CHECKPOINT - 1],
                _ => BEGUN.to_vec(),
            };
            lab.upload = Some(leave(lab.store(), &repo("c"), &begun).await);
            lab.store.take().expect("it is open").close().await;
            if scene == Scene::Damaged {
                damage(&lab.root());
            }
            copy_tree(&lab.scratch(), &lab.template());
        }
        lab
    }

    /// Puts the files back to what they were and closes what is open.
    pub(crate) fn reset(&mut self) {
        self.store = None;
        self.ahead.store(0, Ordering::Relaxed);
        // What a dropped store does last it does on other threads.
        while fs::remove_dir_all(self.scratch()).is_err() && self.scratch().exists() {
            std::thread::yield_now();
        }
        copy_tree(&self.template(), &self.scratch());
    }

    /// Opens the store, after closing it if it is open. Nothing is closed in order.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        self.store = None;
        let mut config = Config::new(self.root());
        config.keep_free = KeepFree::Bytes(0);
        let ahead = Arc::clone(&self.ahead);
        config.clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
        });
        let hook = Some(Arc::clone(&self.injector) as Arc<dyn Hook>);
        self.store = Some(Store::create_or_open_hooked(config, hook).await?);
        Ok(())
    }

    /// The open store.
    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("it was opened")
    }

    /// Whether there is one.
    pub(crate) fn is_open(&self) -> bool {
        self.store.is_some()
    }

    pub(crate) fn close(&mut self) {
        self.store = None;
    }

    /// Days go by.
    pub(crate) fn pass_days(&self, days: u64) {
        self.ahead.fetch_add(days * 24 * 60 * 60, Ordering::Relaxed);
    }

    /// The data directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.scratch().join("data")
    }

    /// Where the backup is.
    pub(crate) fn copy(&self) -> PathBuf {
        self.scratch().join("copy")
    }

    fn scratch(&self) -> PathBuf {
        self.dir.path().join("scratch")
    }

    fn template(&self) -> PathBuf {
        self.dir.path().join("template")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A test that fails leaves its directory otherwise.
        descriptor::allow();
    }
}

/// The image in both repositories.
pub(crate) fn plain() -> Manifest {
    image(b"config", &[LAYER], "")
}

/// An image that refers to it; each `mark` is another one.
pub(crate) fn referrer(mark: &str) -> Manifest {
    let (digest, size) = (plain().digest(Algorithm::Sha256), plain().bytes().len());
    let subject = format!(
        r#","subject":{{"mediaType":"{}","digest":"{digest}","size":{size}}},"annotations":{{"mark":"{mark}"}}"#,
        plain().media_type()
    );
    image(b"config", &[], &subject)
}

async fn populate(store: &Store, copy: &Path) {
    store.rebuild_index().await.expect("builds");
    let (a, b, c) = (repo("a"), repo("a/b"), repo("c"));
    for bytes in [b"config", LAYER] {
        let digest = push_blob(store, &a, bytes).await;
        assert!(store.repo(&b).mount(digest, &a).await.expect("mounts"));
    }
    put(store, &a, &plain(), &["v1", "latest"]).await;
    let backup = store.backup(copy.to_owned(), Arc::default(), |_| {});
    backup.await.expect("backs up");
    put(store, &a, &referrer("first"), &["sig"]).await;
    put(store, &b, &plain(), &[]).await;
    push_blob(store, &c, b"nobody needs this").await;
}

/// Damages what can be made again.
fn damage(root: &Path) {
    let path = |digest: roadstead_storage::oci::Digest| {
        root.join("blobs/sha256")
            .join(&digest.hex()[..2])
            .join(digest.hex())
    };
    let edit = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("can be written");
    let plain = plain().digest(Algorithm::Sha256);
    let referrer = referrer("first").digest(Algorithm::Sha256);
    edit(&path(sha256(b"nobody needs this")), b"nobody needs that");
    let record = root.join("repos/a/_manifests/sha256").join(plain.hex());
    edit(&record, b"torn");
    let record = root.join("repos/a/b/_manifests/sha256").join(plain.hex());
    let bytes = fs::read(&record).expect("is there");
    edit(&record, &edit_record(&bytes, r#""size":"#, r#""size":1"#));
    edit(
        &root.join("repos/a/_blobs/sha256").join(sha256(LAYER).hex()),
        b"!",
    );
    let marks = root.join("repos/a/_referrers/sha256").join(plain.hex());
    fs::remove_file(marks.join(format!("sha256-{}", referrer.hex()))).expect("is there");
    edit(
        &marks.join(format!("sha256-{}", sha256(b"nothing").hex())),
        b"",
    );
    for upload in fs::read_dir(root.join("uploads")).expect("is there") {
        edit(&upload.expect("an entry").path().join("data"), b"bogus");
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("copies");
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let file = fs::OpenOptions::new().write(true).open(&to);
            let set = file.and_then(|file| file.set_modified(modified?));
            set.expect("the time is kept");
        }
    }
}
