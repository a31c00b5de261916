//! A power cut at every step: whatever the disk keeps of what was not synced, everything acknowledged
//! is there, nothing is unreadable, no byte is wrong, and scrub finds no defect.
//!
//! A run of pushes, tag moves, deletes, mounts, collections and trims is recorded change by change. After each
//! change the disks that a power cut may leave are built, each is opened, and what it holds is compared
//! with what had been acknowledged by then; the one operation under way may have happened or not.
//! `ROADSTEAD_LONG=1` looks at every step and 20 seeded subsets, otherwise at a part of both.

#[path = "../common/mod.rs"]
mod common;
mod disk_model;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{alice, edit_record, image, repo, sha256, tag};
use disk_model::{Disk, Loss, Recorder};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference};
use roadstead_storage::{Clock, Config, Origin, Put, ScrubOptions, Store, UploadId};

const REPOSITORIES: [&str; 3] = ["a", "a/b", "c"];
const TAGS: [&str; 3] = ["v1", "v2", "latest"];
/// More than the run ever needs but where it is filled up, in bytes.
const MAX_SIZE: u64 = 64 << 10;

/// What can be asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    Blob(&'static str, Digest),
    Manifest(&'static str, Digest),
    Tag(&'static str, &'static str),
}

/// What holds: blobs and manifests that are there name themselves, tags what they name.
type Facts = BTreeMap<Fact, Digest>;

/// The recorded run: after this many changes, these facts were acknowledged.
struct Run {
    disk_root: std::path::PathBuf,
    changes: Vec<disk_model::Change>,
    acknowledged: Vec<(usize, Facts)>,
    _dir: tempfile::TempDir,
}

/// Performs operations one after the other and notes when each was acknowledged.
struct Script {
    store: Store,
    recorder: Arc<Recorder>,
    /// How far the clock is ahead, in seconds.
    ahead: Arc<AtomicU64>,
    facts: Facts,
    acknowledged: Vec<(usize, Facts)>,
}

impl Script {
    fn acknowledge(&mut self) {
        self.acknowledged
            .push((self.recorder.len(), self.facts.clone()));
    }

    async fn begin(&mut self, name: &'static str) -> UploadId {
        let begun = self
            .store
            .begin_upload(&repo(name), &alice(), Algorithm::Sha256)
            .await;
        self.acknowledge();
        begun.expect("begins")
    }

    async fn append(&mut self, name: &'static str, id: UploadId, bytes: &[u8]) {
        let mut upload = self
            .store
            .upload(&repo(name), id, &alice())
            .await
            .expect("is there");
        upload
            .append(Bytes::copy_from_slice(bytes))
            .await
            .expect("takes bytes");
        upload.suspend().await.expect("is kept");
        self.acknowledge();
    }

    async fn push(&mut self, name: &'static str, parts: &[&[u8]]) -> Digest {
        let id = self.begin(name).await;
        for part in parts {
            self.append(name, id, part).await;
        }
        let digest = sha256(&parts.concat());
        let upload = self
            .store
            .upload(&repo(name), id, &alice())
            .await
            .expect("is there");
        upload.commit(digest).await.expect("commits");
        self.facts.insert(Fact::Blob(name, digest), digest);
        self.acknowledge();
        digest
    }

    /// As [`Self::push`], with the last part in the same step as the end.
    async fn push_at_once(&mut self, name: &'static str, parts: &[&[u8]]) -> Digest {
        let id = self.begin(name).await;
        let (last, parts_before) = parts.split_last().expect("a push has parts");
        for part in parts_before {
            self.append(name, id, part).await;
        }
        let digest = sha256(&parts.concat());
        let last = Bytes::copy_from_slice(last).into();
        self.store
            .finish_upload(&repo(name), id, &alice(), last, digest)
            .await
            .expect("commits");
        self.facts.insert(Fact::Blob(name, digest), digest);
        self.acknowledge();
        digest
    }

    /// A push without a session.
    async fn put_blob(&mut self, name: &'static str, bytes: &[u8]) -> Digest {
        let digest = sha256(bytes);
        let content = Bytes::copy_from_slice(bytes).into();
        let there = self.store.repo(&repo(name));
        there.put_blob(digest, content).await.expect("is put");
        self.facts.insert(Fact::Blob(name, digest), digest);
        self.acknowledge();
        digest
    }

    async fn mount(&mut self, from: &'static str, to: &'static str, digest: Digest) {
        assert!(
            self.store
                .repo(&repo(to))
                .mount(digest, &repo(from))
                .await
                .expect("mounts")
        );
        self.facts.insert(Fact::Blob(to, digest), digest);
        self.acknowledge();
    }

    async fn put(
        &mut self,
        name: &'static str,
        manifest: &Manifest,
        tags: &[&'static str],
    ) -> Digest {
        self.bring(name, manifest, tags, Origin::Pushed).await
    }

    async fn bring(
        &mut self,
        name: &'static str,
        manifest: &Manifest,
        tags: &[&'static str],
        origin: Origin,
    ) -> Digest {
        let digest = manifest.digest(Algorithm::Sha256);
        let put = Put {
            manifest: manifest.clone(),
            digest,
            tags: tags.iter().map(|name| tag(name)).collect(),
            origin,
            by: alice(),
        };
        self.store
            .repo(&repo(name))
            .put_manifest(put)
            .await
            .expect("is stored");
        self.facts.insert(Fact::Manifest(name, digest), digest);
        for tag in tags {
            self.facts.insert(Fact::Tag(name, tag), digest);
        }
        self.acknowledge();
        digest
    }

    async fn delete_tag(&mut self, name: &'static str, gone: &'static str) {
        assert!(
            self.store
                .repo(&repo(name))
                .delete_tag(&tag(gone))
                .await
                .expect("deletes")
        );
        self.facts.remove(&Fact::Tag(name, gone));
        self.acknowledge();
    }

    async fn delete_manifest(&mut self, name: &'static str, digest: Digest) {
        let gone = self
            .store
            .repo(&repo(name))
            .delete_manifest(digest)
            .await
            .expect("deletes");
        assert!(gone.is_some());
        self.forget(name, digest);
        self.acknowledge();
    }

    fn forget(&mut self, name: &'static str, digest: Digest) {
        self.facts.retain(|fact, named| match fact {
            Fact::Tag(repository, _) | Fact::Manifest(repository, _) => {
                *repository != name || *named != digest
            }
            Fact::Blob(..) => true,
        });
    }

    async fn unlink(&mut self, name: &'static str, digest: Digest) {
        assert!(
            self.store
                .repo(&repo(name))
                .unlink_blob(digest)
                .await
                .expect("deletes")
        );
        self.facts.remove(&Fact::Blob(name, digest));
        self.acknowledge();
    }

    /// Collects without grace; `needed` are the blobs that stay.
    async fn collect(&mut self, needed: &[Digest]) {
        self.store
            .collect(false, Arc::default(), |_| {})
            .await
            .expect("collects");
        self.lose_all_but(needed);
    }

    /// Trims the image of the repository; `needed` are the blobs that stay.
    async fn trim(&mut self, name: &'static str, image: Digest, needed: &[Digest]) {
        self.ahead.fetch_add(2 * 60 * 60, Ordering::Relaxed);
        let used = self.store.usage().await.expect("says").used;
        let left = MAX_SIZE - used.expect("it is limited");
        let filler = vec![0; usize::try_from(left - MAX_SIZE / 50).expect("it is small")];
        self.push(name, &[&filler]).await;
        let trimmed = self.store.trim(Arc::default(), |_| {}).await;
        assert_eq!(trimmed.expect("trims").manifests, 1);
        self.forget(name, image);
        self.lose_all_but(needed);
    }

    fn lose_all_but(&mut self, needed: &[Digest]) {
        let needed: BTreeSet<_> = needed.iter().collect();
        self.facts
            .retain(|fact, digest| !matches!(fact, Fact::Blob(..)) || needed.contains(digest));
        self.acknowledge();
    }
}

async fn record() -> Run {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk_root = dir.path().join("data");
    let recorder = Arc::new(Recorder::default());
    let mut config = Config::new(&disk_root);
    config.gc_grace = Duration::ZERO;
    config.max_size = Some(MAX_SIZE);
    let ahead = Arc::new(AtomicU64::new(0));
    let shift = Arc::clone(&ahead);
    config.clock = Clock::from_fn(move || {
        SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
    });
    let hook = Some(Arc::clone(&recorder) as Arc<dyn roadstead_storage::Hook>);
    let store = Store::create_or_open_hooked(config, hook)
        .await
        .expect("opens");
    let facts = Facts::new();
    let mut it = Script {
        store,
        recorder,
        ahead,
        facts,
        acknowledged: vec![(0, Facts::new())],
    };
    it.acknowledge();

    let noise: Vec<u8> = (0..3000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    for round in 0..4_u8 {
        let config = it.put_blob("a", &[&[round], &b"config"[..]].concat()).await;
        let layer = it
            .push("a", &[&noise[..5000], &[round], &noise[5000..]])
            .await;
        let loose = it.push("c", &[&[round], b"nobody needs this"]).await;
        let (config_bytes, layer_bytes) = (
            [&[round][..], b"config"].concat(),
            [&noise[..5000], &[round], &noise[5000..]].concat(),
        );
        it.mount("a", "a/b", layer).await;
        it.mount("a", "a/b", config).await;
        let plain = image(&config_bytes, &[&layer_bytes], "");
        let first = it.put("a", &plain, &[]).await;
        it.put("a", &plain, &["v1", "latest"]).await;
        it.put("a/b", &plain, &["latest"]).await;
        let subject = format!(
            r#","subject":{{"mediaType":"a/b","digest":"{first}","size":1}},"annotations":{{"n":"{round}"}}"#
        );
        let referrer = image(&config_bytes, &[], &subject);
        let second = it.put("a", &referrer, &["v2", "latest"]).await;
        it.put("a", &plain, &["v2"]).await;
        it.delete_tag("a", "v1").await;
        // An upload that is never ended.
        let left = it.begin("c").await;
        it.append("c", left, &noise[..2000]).await;
        it.collect(&[config, layer]).await;
        it.push_at_once("c", &[&noise[..9000], &[round]]).await;
        let cached = image(&config_bytes, &[&[&noise[..9000], &[round]].concat()], "");
        let cached = it.bring("c", &cached, &["v1"], Origin::PulledThrough).await;
        it.trim("c", cached, &[config, layer]).await;
        if round % 2 == 1 {
            it.delete_manifest("a", second).await;
            it.delete_manifest("a/b", first).await;
            it.unlink("a/b", layer).await;
            it.delete_manifest("a", first).await;
            it.collect(&[]).await;
        } else {
            let again = it
                .push_at_once("c", &[&[round], b"nobody needs this"])
                .await;
            assert_eq!(again, loose);
            it.unlink("c", again).await;
            it.delete_manifest("a/b", first).await;
            it.delete_manifest("a", first).await;
            it.delete_manifest("a", second).await;
            it.collect(&[]).await;
        }
    }
    let changes = it.recorder.changes();
    Run {
        disk_root,
        changes,
        acknowledged: it.acknowledged,
        _dir: dir,
    }
}

impl Run {
    /// What had been acknowledged after `step` changes, and what the next acknowledgement says.
    fn around(&self, step: usize) -> (&Facts, &Facts) {
        let next = self
            .acknowledged
            .partition_point(|(after, _)| *after <= step);
        let (_, before) = &self.acknowledged[next.saturating_sub(1)];
        let (_, after) = self
            .acknowledged
            .get(next)
            .unwrap_or(&self.acknowledged[next - 1]);
        (before, after)
    }

    /// Every fact that ever held.
    fn universe(&self) -> BTreeSet<Fact> {
        self.acknowledged
            .iter()
            .flat_map(|(_, facts)| facts.keys().copied())
            .collect()
    }
}

/// What the store in `dir` says. Panics when anything in it is unreadable or wrong.
async fn read(dir: &Path, universe: &BTreeSet<Fact>) -> Facts {
    let store = Store::create_or_open(Config::new(dir))
        .await
        .expect("the store opens");
    let mut facts = Facts::new();
    for fact in universe {
        let holds = match fact {
            Fact::Blob(name, digest) => {
                match store
                    .repo(&repo(name))
                    .blob(*digest)
                    .await
                    .expect("blobs are readable")
                {
                    Some(blob) => {
                        let bytes = blob.read(0, usize::MAX).await.expect("blobs are readable");
                        assert_eq!(sha256(&bytes), *digest, "a blob has wrong bytes");
                        Some(*digest)
                    }
                    None => None,
                }
            }
            Fact::Manifest(name, digest) => {
                manifest(&store, name, &Reference::Digest(*digest)).await
            }
            Fact::Tag(name, tagged) => manifest(&store, name, &Reference::Tag(tag(tagged))).await,
        };
        facts.extend(holds.map(|digest| (*fact, digest)));
    }
    for name in REPOSITORIES {
        let there = store.repo(&repo(name));
        let listed = there
            .tags()
            .await
            .expect("tags are listed")
            .unwrap_or_default();
        for name in &listed {
            assert!(TAGS.contains(&name.as_str()), "{name} was never set");
        }
        let summary = there
            .describe()
            .await
            .expect("everything in a repository is readable");
        drop(summary);
        for fact in universe {
            if let Fact::Manifest(_, digest) = fact {
                there
                    .referrers(*digest)
                    .await
                    .expect("referrers are listed");
            }
        }
    }
    store.rebuild_index().await.expect("the index is rebuilt");
    store
        .repositories(None, 100)
        .await
        .expect("repositories are listed");
    let scrubbed = store
        .scrub(ScrubOptions::default(), Arc::default(), |_| {})
        .await
        .expect("every file is read again");
    assert_eq!(scrubbed.defects, [], "a crash is no damage");
    facts
}

/// What a tag or digest leads to; the store checks the bytes against the digest.
async fn manifest(store: &Store, name: &str, reference: &Reference) -> Option<Digest> {
    let stored = store
        .repo(&repo(name))
        .manifest(reference)
        .await
        .expect("manifests are readable")?;
    assert_eq!(
        sha256(&stored.bytes),
        stored.digest,
        "a manifest has wrong bytes"
    );
    Some(stored.digest)
}

/// The machine has booted anew: what was written before says another boot.
fn another_boot(path: &Path, bytes: &mut Vec<u8>) {
    if path.starts_with("uploads") && path.ends_with("state") {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux says");
        *bytes = edit_record(bytes, boot.trim(), "another boot");
    }
}

#[test]
fn after_a_power_cut_at_any_step_everything_acknowledged_is_there() {
    let is_long = std::env::var_os("ROADSTEAD_LONG").is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let run = runtime.block_on(record());
    let universe = run.universe();
    let (stride, seeds) = if is_long { (1, 20) } else { (7, 4) };
    let states = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (run, universe, states) = (&run, &universe, &states);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build();
                let runtime = runtime.expect("a runtime");
                let mut disk = Disk::new(run.disk_root.clone());
                for (step, change) in run.changes.iter().enumerate() {
                    disk.apply(change);
                    if step % stride != 0 || (step / stride) % workers != worker {
                        continue;
                    }
                    let seeded = (0..seeds).map(|seed| Loss::Some(seed * 1_000_003 + step as u64));
                    let plain = [Loss::Everything, Loss::Data, Loss::Metadata, Loss::Nothing];
                    for loss in plain.into_iter().chain(seeded) {
                        check(&runtime, run, universe, &disk, step + 1, loss);
                        states.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let states = states.into_inner();
    #[expect(clippy::print_stdout, reason = "the figure is quoted in the README")]
    {
        println!(
            "{} changes, {states} crashed disks opened and compared",
            run.changes.len()
        );
    }
    assert!(states >= if is_long { 20_000 } else { 500 }, "{states}");
}

fn check(
    runtime: &tokio::runtime::Runtime,
    run: &Run,
    universe: &BTreeSet<Fact>,
    disk: &Disk,
    step: usize,
    loss: Loss,
) {
    let scratch = tempfile::tempdir_in("/dev/shm").expect("memory to write to");
    let dir = scratch.path().join("data");
    std::fs::create_dir(&dir).expect("a new directory");
    disk.crash(loss, &dir, &another_boot);
    if matches!(loss, Loss::Nothing) {
        // Whatever lies where the index was.
        let index = dir.join("index");
        std::fs::create_dir_all(index.join("sled")).expect("a new directory");
        std::fs::write(index.join("clean"), "1").expect("can be written");
        std::fs::write(index.join("sled/db"), vec![0xA5; 4096]).expect("can be written");
    }
    let found = runtime.block_on(read(&dir, universe));
    let (before, after) = run.around(step);
    for fact in universe {
        let (found, before, after) = (found.get(fact), before.get(fact), after.get(fact));
        assert!(
            found == before || found == after,
            "after step {step} ({:?}) and {loss:?}: {fact:?} is {found:?}, was {before:?}, would be {after:?}",
            run.changes[step - 1]
        );
    }
}
