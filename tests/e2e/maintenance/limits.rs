//! `storage.max_size` and `storage.keep_free`: pushes are refused in time, all else goes on, and nothing
//! has to be restarted.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{
    Anonymous, Client, Digest, Manifest, Noise, Registry, Response, Scratch, eventually,
    media_type, tools,
};
use serde_json::json;

use super::{metric, report};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// So much is pushed at once.
const BLOB: u64 = 256 * KIB;

/// Pushes a blob, with what comes of it.
fn try_push(client: &Client, noise: &Noise) -> Response {
    let begun = client.post("/v2/a/blobs/uploads/", "");
    if begun.status != 202 {
        return begun;
    }
    client.finish_upload(&begun.location(), &noise.digest(), noise)
}

/// Insists that a push was refused for want of room, in words.
#[track_caller]
fn has_no_room(answer: &Response) {
    let answer = answer.clone().refused(503, "DENIED");
    assert!(answer.text().contains("no space left"), "{}", answer.text());
}

/// Pushes until there is no more room, and returns what is there.
#[track_caller]
fn push_until_refused(client: &Client, size: u64) -> Vec<Digest> {
    let mut pushed = Vec::new();
    for seed in 0..1000 {
        let noise = Noise::new(seed, size);
        let answer = try_push(client, &noise);
        if answer.status != 201 {
            has_no_room(&answer);
            return pushed;
        }
        pushed.push(noise.digest());
    }
    panic!("the limit is not kept");
}

#[track_caller]
fn all_are_served(client: &Client, blobs: &[Digest]) {
    for digest in blobs {
        let answer = client.blob("a", digest).expect(200);
        assert_eq!(Digest::of(&answer.body), *digest);
    }
}

/// A manifest that keeps the blobs of these seeds, pushed before they are there.
fn keep(client: &Client, seeds: Range<u64>) -> Manifest {
    let layers: Vec<_> = seeds
        .map(|seed| {
            let digest = Noise::new(seed, BLOB).digest();
            json!({ "mediaType": "application/x", "digest": digest.as_str(), "size": BLOB })
        })
        .collect();
    let document = json!({ "schemaVersion": 2, "config": layers[0], "layers": layers });
    let manifest = Manifest::of(media_type::OCI_IMAGE, &document);
    manifest
        .put(client, "a", manifest.digest().as_str())
        .expect(201);
    manifest
}

#[test]
fn a_full_store_refuses_pushes_and_nothing_else_until_a_collection_makes_room() {
    // Room for four blobs, and a little for the manifests that keep them from being collected.
    let little = 4 * KIB;
    let limit = MIB + little;
    let config = format!("[storage]\nmax_size = \"{limit}B\"\ngc_grace = \"1s\"\n");
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Push)
        .start();
    let client = registry.plain();

    let (goes, stays) = (keep(&client, 0..1), keep(&client, 1..4));
    let pushed = push_until_refused(&client, BLOB);
    assert_eq!(pushed.len() as u64, MIB / BLOB);
    let taken = MIB + (goes.bytes.len() + stays.bytes.len()) as u64;
    let (used, max) = ("roadstead_space_used_bytes", "roadstead_space_max_bytes");
    assert_eq!(
        (metric(&registry, used), metric(&registry, max)),
        (Some(taken), Some(limit))
    );
    let room = report(&registry, &["stat"])["space"].clone();
    assert_eq!(
        (&room["used"], &room["maxSize"]),
        (&taken.into(), &limit.into())
    );
    let told = registry.command(&["store", "stat"], "").ok();
    assert!(told.contains("may take      1.0 MiB\n"), "{told}");
    // Not a byte is taken, however it comes.
    let more = Noise::new(7777, little);
    has_no_room(&try_push(&client, &more));
    let chunked = client.post("/v2/a/blobs/uploads/", "");
    if chunked.status == 202 {
        has_no_room(&client.chunk(&chunked.location(), 0, &more.bytes()));
        client.get(chunked.location()).expect(404);
    } else {
        has_no_room(&chunked);
    }
    registry.check().no_uploads();
    client.get("/readyz").expect(200);
    all_are_served(&client, &pushed);
    client
        .post(
            format!("/v2/b/blobs/uploads/?mount={}&from=a", pushed[1]),
            "",
        )
        .expect(201);

    client
        .delete(format!("/v2/a/manifests/{}", goes.digest()))
        .expect(202);
    eventually("a collection makes room", || {
        registry.command(&["store", "gc"], "").ok();
        try_push(&client, &Noise::new(8888, BLOB)).status == 201
    });
    has_no_room(&try_push(&client, &more));
    all_are_served(&client, &pushed[1..]);
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.size(), MIB + stays.bytes.len() as u64);
}

#[test]
fn a_limit_counts_what_was_there_before_the_server_started() {
    let limited = |size: &str| format!("[storage]\nmax_size = \"{size}\"\n");
    let mut registry = Registry::with()
        .config(limited("1MiB"))
        .anonymous(Anonymous::Push)
        .start();
    let client = registry.plain();
    let pushed = push_until_refused(&client, BLOB);

    registry.restart();
    has_no_room(&try_push(&client, &Noise::new(1000, KIB)));
    registry.reconfigure(&limited("2MiB"));
    registry.restart();
    try_push(&client, &Noise::new(1000, KIB)).expect(201);
    registry.reconfigure(&limited("512KiB"));
    registry.restart();
    has_no_room(&try_push(&client, &Noise::new(1001, KIB)));
    all_are_served(&client, &pushed);
    registry.finish().no_uploads();
}

/// A file system of its own, so small that it can be filled.
struct SmallDisk(Scratch);

impl SmallDisk {
    /// Mounts it, where this machine lets the test.
    fn mount() -> Option<Self> {
        tools::installed(["mount", "umount"])?;
        let disk = Self(Scratch::new());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs"])
            .arg(disk.path())
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "mount a tmpfs"
        );
        Some(disk)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> u64 {
        let said = rustix::fs::statvfs(self.path()).expect("it says what is free");
        said.f_bavail * said.f_frsize
    }

    /// Fills it to the last byte.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).expect("begin to fill");
        let end = io::copy(&mut io::repeat(1), &mut file).expect_err("the disk has an end");
        assert_eq!(end.kind(), io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, for a test that fails leaves a server on it.
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

#[test]
fn what_has_to_stay_free_stays_free_and_a_disk_that_others_fill_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let keep = 8 * MIB;
    let mut registry = Registry::with()
        .config("[storage]\nkeep_free = \"8MiB\"\n")
        .anonymous(Anonymous::Push)
        .data(disk.path().join("data"))
        .start();
    let client = registry.plain();

    let pushed = push_until_refused(&client, MIB);
    assert!(pushed.len() > 4, "{}", pushed.len());
    // Records and directories come out of what is kept free.
    assert!(disk.free() + MIB > keep, "{} bytes are free", disk.free());
    let kept = metric(&registry, "roadstead_space_keep_free_bytes");
    assert_eq!(kept, Some(keep));
    registry.check().no_uploads();

    let filler = disk.fill();
    for seed in 0..3 {
        has_no_room(&try_push(&client, &Noise::new(2000 + seed, KIB)));
    }
    all_are_served(&client, &pushed);
    client.get("/readyz").expect(200);
    assert_eq!(metric(&registry, "roadstead_space_free_bytes"), Some(0));
    fs::remove_file(filler).expect("free the disk");
    client
        .delete(format!("/v2/a/blobs/{}", pushed[0]))
        .expect(202);
    // As a collection does once the grace is over.
    let small = Noise::new(3000, KIB);
    has_no_room(&try_push(&client, &small));
    free_file(&registry, &pushed[0]);
    eventually("there is room again", || {
        try_push(&client, &small).status == 201
    });
    all_are_served(&client, &pushed[1..]);
    registry.check().no_uploads();
    registry.stop();
}

/// Takes the file of a blob that nothing links any more.
fn free_file(registry: &Registry, digest: &Digest) {
    fs::remove_file(super::blob_file(registry, digest)).expect("remove a blob");
}
