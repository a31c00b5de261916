//! `store gc`, its dry run, the collection that comes by itself, and `store reindex`.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use harness::{Anonymous, Digest, Format, Image, Registry, eventually};

use super::{blob_file, metric, report};

/// A blob that no manifest needs, pushed two days ago as far as its file knows.
#[track_caller]
fn push_forgotten(registry: &Registry, text: &'static str) -> Digest {
    let digest = registry.plain().push_blob("forgotten", &text.into());
    let two_days_ago = SystemTime::now() - Duration::from_hours(48);
    File::options()
        .write(true)
        .open(blob_file(registry, &digest))
        .and_then(|file| file.set_modified(two_days_ago))
        .expect("make a blob look old");
    digest
}

#[test]
fn collection_goes_on_under_pushes_and_takes_only_what_nothing_needs() {
    let registry = Registry::open();
    let client = registry.plain();
    let forgotten = push_forgotten(&registry, "nobody needs it");
    let done = AtomicBool::new(false);

    let pushed = thread::scope(|scope| {
        let writers = ["a", "b", "c"].map(|name| {
            let (client, done) = (client.clone(), &done);
            scope.spawn(move || {
                let mut pushed = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let image = Image::new(Format::Oci, &format!("{name} {pushed}"));
                    image.push(&client, name, &format!("n{pushed}")).expect(201);
                    pushed += 1;
                }
                pushed
            })
        });
        let removed: Vec<_> = (0..5)
            .map(|_| report(&registry, &["gc"])["removedBlobs"].as_u64())
            .collect();
        done.store(true, Ordering::Relaxed);
        assert_eq!(removed, [1, 0, 0, 0, 0].map(Some));
        writers.map(|writer| writer.join().expect("no push fails"))
    });

    client.blob("forgotten", &forgotten).expect(404);
    assert_eq!(
        metric(&registry, "roadstead_collections_total{outcome=\"done\"}"),
        Some(5)
    );
    assert_eq!(
        metric(&registry, "roadstead_collected_bytes_total"),
        Some(15)
    );
    let truth = registry.finish();
    let kept = ["a", "b", "c"].map(|name| truth.repositories[name].tags.len() as u64);
    assert_eq!(kept, pushed);
}

#[test]
fn a_dry_run_says_what_would_go_and_takes_nothing() {
    let mut registry = Registry::open();
    let client = registry.plain();
    Image::new(Format::Docker, "kept")
        .push(&client, "a/b", "1")
        .expect(201);
    let forgotten = push_forgotten(&registry, "forgotten");
    let young = client.push_blob("a/b", &"just pushed".into());

    let plan = report(&registry, &["gc", "--dry-run"]);
    assert_eq!(plan["dryRun"], true);
    assert_eq!(plan["keptManifests"], 1);
    assert_eq!(
        (&plan["removedBlobs"], &plan["removedBytes"]),
        (&1.into(), &9.into())
    );
    assert_eq!(plan["youngBlobs"], 1);
    assert!(blob_file(&registry, &forgotten).exists());
    // The same without a server.
    registry.stop();
    assert_eq!(report(&registry, &["gc", "--dry-run"]), plan);
    let told = registry.command(&["store", "gc"], "").ok();
    assert!(told.contains("removed 1 blob\n"), "{told}");
    assert!(!blob_file(&registry, &forgotten).exists());
    registry.start_again();
    client.blob("a/b", &young).expect(200);
    registry.finish();
}

#[test]
fn the_server_collects_by_itself() {
    let config = "[storage]\ngc_every = \"1s\"\ngc_grace = \"1s\"\n";
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Push)
        .start();
    let forgotten = registry.plain().push_blob("a", &"nobody needs it".into());

    eventually("the blob is taken away", || {
        !blob_file(&registry, &forgotten).exists()
    });
    eventually("it is gone for good", || {
        metric(&registry, "roadstead_collected_blobs_total") == Some(1)
            && std::fs::read_dir(registry.data().join("trash"))
                .expect("trash/")
                .next()
                .is_none()
    });
    registry.finish();
}

#[test]
fn the_index_is_built_anew_while_the_registry_serves() {
    let registry = Registry::open();
    let client = registry.plain();
    let names: Vec<_> = (0..20).map(|number| format!("team/r{number:02}")).collect();
    for name in &names {
        Image::new(Format::Oci, name)
            .push(&client, name, "1")
            .expect(201);
    }

    let built = report(&registry, &["reindex"]);

    assert_eq!(built["repositories"], 20);
    assert_eq!(client.catalog(), names);
    client.manifest("team/r07", "1").expect(200);
    registry.finish();
}
