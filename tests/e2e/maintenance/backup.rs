//! `store backup`: a copy of a registry in use, and what an administrator is told when there is none.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use harness::{Anonymous, Digest, Format, Image, Noise, Outcome, Registry, Truth, binary, tools};
use serde_json::Value;

use super::interrupt::{check_that_it_tells, dig, signal, working};
use super::{blob_file, metric, report};
use rustix::process::Signal;

/// A user that has nothing but the data directory.
const OWNER: u32 = 4242;

/// Backs the registry up to `copy`, and reads the report.
#[track_caller]
fn back_up(registry: &Registry, copy: &Path) -> Value {
    let copy = copy.to_str().expect("UTF-8");
    report(registry, &["backup", copy])
}

/// Insists that a backup to `dir` is refused, and returns the reasons.
#[track_caller]
fn refused(registry: &Registry, dir: &Path) -> String {
    let dir = dir.to_str().expect("UTF-8");
    let told = registry.command(&["store", "backup", dir], "").fails(1);
    assert!(told.contains("\n  because: "), "{told}");
    assert!(told.contains("\n  hint: "), "{told}");
    told
}

#[test]
fn the_copy_is_a_registry_of_its_own_and_the_next_backup_brings_what_is_new() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "first");
    image.push(&client, "a/b", "1").expect(201);
    image.push(&client, "c", "latest").expect(201);
    let copy = registry.scratch().join("copy");

    let first = back_up(&registry, &copy);
    assert_eq!(
        (&first["repositories"], &first["tags"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        (&first["blobs"], &first["copiedBlobs"]),
        (&3.into(), &3.into())
    );
    assert_eq!(first["isComplete"], true);
    Image::new(Format::Docker, "second")
        .push(&client, "a/b", "2")
        .expect(201);
    client.delete("/v2/c/manifests/latest").expect(202);
    let second = back_up(&registry, &copy);
    assert_eq!(
        (&second["copiedBlobs"], &second["tags"]),
        (&3.into(), &2.into())
    );
    let series = "roadstead_backups_total{outcome=\"done\"}";
    assert_eq!(metric(&registry, series), Some(2));
    assert_eq!(
        metric(&registry, "roadstead_backed_up_blobs_total"),
        Some(6)
    );
    // The same without a server, in words.
    registry.stop();
    let words = ["store", "backup", copy.to_str().expect("UTF-8")];
    let told = registry.command(&words, "").ok();
    let expected = format!(
        "copied 0 blobs (0 B), removed 0 blobs\n\
         {} holds 2 repositories, 2 tags, 3 manifests, 6 blobs",
        copy.display()
    );
    assert_eq!(told, expected);

    let password = registry.admin_password();
    let restored = Registry::with()
        .anonymous(Anonymous::Push)
        .data(&copy)
        .start();
    restored
        .client()
        .basic("admin", &password)
        .get("/v2/")
        .expect(200);
    let truth = restored.finish();
    assert_eq!(truth.repositories["a/b"].tags.len(), 2);
    assert_eq!(truth, Truth::of(registry.data()));
    // From now on it goes its own way.
    registry.start_again();
    let told = refused(&registry, &copy);
    assert!(told.contains("it is a store of its own"), "{told}");
    registry.finish();
}

#[test]
fn what_is_damaged_is_named_and_all_else_is_copied() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "soon damaged");
    image.push(&client, "a/b", "1").expect(201);
    let damaged = blob_file(&registry, &Digest::of(&image.layers[0]));
    let whole = fs::read(&damaged).expect("a blob is a file");
    fs::write(&damaged, "something else").expect("damage a blob");
    let copy = registry.scratch().join("copy");
    let copy = copy.to_str().expect("UTF-8");

    let outcome = registry.command(&["store", "backup", copy, "--json"], "");
    assert_eq!(outcome.code, Some(2), "{outcome}");
    let told: Value = serde_json::from_str(&outcome.stdout).expect("one JSON document");
    let name = damaged.strip_prefix(registry.data()).expect("in the store");
    assert_eq!(told["damaged"], serde_json::json!([name]));
    assert_eq!(
        (&told["isComplete"], &told["tags"]),
        (&false.into(), &1.into())
    );
    let outcome = registry.command(&["store", "backup", copy], "");
    assert!(
        outcome.stdout.contains(" is damaged or missing\n"),
        "{outcome}"
    );
    assert!(outcome.fails(2).contains("hint: `roadstead store scrub`"));
    let series = "roadstead_backups_total{outcome=\"failed\"}";
    assert_eq!(metric(&registry, series), Some(2));

    fs::write(&damaged, whole).expect("mend a blob");
    assert_eq!(report(&registry, &["backup", copy])["isComplete"], true);
    registry.finish();
}

#[test]
fn a_place_where_no_backup_may_go_is_refused_with_a_way_out() {
    let registry = Registry::open();
    let inside = registry.data().join("copy");
    assert!(refused(&registry, &inside).contains("it lies in the store itself"));
    let other = registry.scratch().dir("other");
    fs::write(other.join("mine"), "precious").expect("write a file");
    assert!(refused(&registry, &other).contains("it holds something else"));
    assert_eq!(fs::read_dir(&other).expect("a directory").count(), 1);
    let nowhere = registry.scratch().join("not/there");
    assert!(refused(&registry, &nowhere).contains("No such file or directory"));
    registry.command(&["store", "backup"], "").fails(64);
    registry.finish();
}

#[test]
fn what_the_owner_of_the_store_may_not_write_is_said_with_what_mends_it() {
    if tools::installed(["mount", "umount"]).is_none() {
        return;
    }
    let registry = Registry::with()
        .anonymous(Anonymous::Push)
        .owner(OWNER)
        .start();
    let copy = registry.scratch().join("copy");
    let told = refused(&registry, &copy);
    let hint = format!("install -d -o {OWNER} -m 700 {}", copy.display());
    assert!(told.contains(&hint), "{told}");
    run(Command::new("sh").args(["-c", &hint]));

    // As a hardened service sees what its unit does not name.
    let disk = registry.scratch().dir("disk");
    run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", "ro", "tmpfs"])
        .arg(&disk));
    let told = refused(&registry, &disk.join("copy"));
    run(Command::new("umount").arg(&disk));
    let hint = format!("ReadWritePaths={}", disk.join("copy").display());
    assert!(told.contains(&hint), "{told}");

    registry.plain().push_noise("a", &Noise::new(1, 1 << 20));
    let options = format!("size=512k,mode=0700,uid={OWNER}");
    run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
        .arg(&disk));
    let told = refused(&registry, &disk.join("copy"));
    run(Command::new("umount").arg(&disk));
    assert!(
        told.contains("no space left") && told.contains("hint: make room there"),
        "{told}"
    );

    back_up(&registry, &copy);
    assert_eq!(
        fs::metadata(copy.join("format")).expect("a copy").uid(),
        OWNER
    );
    registry.finish();
}

#[track_caller]
fn run(command: &mut Command) {
    let status = command.status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?}");
}

#[test]
fn a_backup_that_takes_long_holds_off_collection_alone_and_stops_when_told() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let server = registry.server().id();
    let small = client.push_blob("a", &"small".into());
    let hole = dig(&registry);
    let links = registry.data().join("repos/a/_blobs/sha256");
    let link = links.join(hole.file_name().expect("a blob has a name"));
    fs::write(&link, "").expect("link the hole");
    let copy = registry.scratch().join("copy");
    let words = ["backup", copy.to_str().expect("UTF-8")];

    let command = working(&registry, &words, &hole, Some(server));
    let told = registry.command(&["store", "gc"], "").fails(1);
    assert!(told.contains("because: a backup is under way"), "{told}");
    assert!(told.contains("hint: wait until it is done"), "{told}");
    client.push_blob("a", &"meanwhile".into());
    client.delete(format!("/v2/a/blobs/{small}")).expect(202);
    signal(&command, Signal::INT);
    check_that_it_tells(command);
    // What was begun is no registry, and says so.
    let mut stat = Command::new(binary());
    stat.args(["store", "stat", "--data"]).arg(&copy);
    let told = Outcome::of(&mut stat, "").fails(1);
    assert!(told.contains("was not finished\n  hint: "), "{told}");

    fs::remove_file(&link).expect("unlink the hole");
    fs::remove_file(&hole).expect("fill the hole");
    assert_eq!(back_up(&registry, &copy)["blobs"], 1);
    registry.command(&["store", "gc"], "").ok();
    registry.finish();
}
