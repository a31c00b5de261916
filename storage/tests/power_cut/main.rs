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
mod facts;
mod script;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use common::{edit_record, image};
use disk_model::{Disk, Loss, Recorder};
use facts::{Fact, Facts, read};
use roadstead_storage::{Clock, Config, Origin, Store};
use script::{MAX_SIZE, Script};

/// The recorded run: after this many changes, these facts were acknowledged.
struct Run {
    disk_root: std::path::PathBuf,
    changes: Vec<disk_model::Change>,
    acknowledged: Vec<(usize, Facts)>,
    _dir: tempfile::TempDir,
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
    let mut it = Script::new(store, Arc::clone(&recorder), ahead);

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
    let changes = recorder.changes();
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
