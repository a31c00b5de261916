//! `store scrub`: damage is found, never served, and mended by the next push.

use std::fs::{self, File};
use std::io::Write as _;

use harness::{Format, Image, Registry};
use serde_json::Value;

use super::{blob_file, metric, report};

#[test]
fn a_whole_store_has_no_defects() {
    let registry = Registry::open();
    Image::new(Format::Oci, "whole")
        .push(&registry.plain(), "a/b", "1")
        .expect(201);

    let found = report(&registry, &["scrub"]);

    assert_eq!(found["defects"], Value::Array(Vec::new()));
    assert_eq!((&found["blobs"], &found["tags"]), (&3.into(), &1.into()));
    assert_eq!(metric(&registry, "roadstead_lost"), Some(0));
    registry.finish();
}

#[test]
fn a_flipped_bit_is_found_and_the_blob_is_no_longer_served() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "soon damaged");
    image.push(&client, "a/b", "1").expect(201);
    let layer = harness::Digest::of(&image.layers[0]);
    let file = blob_file(&registry, &layer);
    let mut bytes = fs::read(&file).expect("a blob is a file");
    bytes[3] ^= 0x10;
    File::options()
        .write(true)
        .open(&file)
        .and_then(|mut file| file.write_all(&bytes))
        .expect("flip a bit");

    let outcome = registry.command(&["store", "scrub", "--json"], "");

    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.starts_with("error: "), "{outcome}");
    let found: Value = serde_json::from_str(&outcome.stdout).expect("one JSON document");
    let [defect] = found["defects"].as_array().expect("a list").as_slice() else {
        panic!("one defect: {found}");
    };
    assert_eq!(
        (&defect["problem"], &defect["outcome"]),
        (&"damaged".into(), &"lost".into())
    );
    let affects = defect["affects"].to_string();
    assert!(affects.contains("\"a/b:1\""), "{affects}");
    client.blob("a/b", &layer).expect(404);
    assert_eq!(metric(&registry, "roadstead_lost"), Some(1));
    assert_eq!(
        metric(&registry, "roadstead_scrub_defects_total{outcome=\"lost\"}"),
        Some(1)
    );
    let log = registry.log();
    assert!(
        log.contains("Lost content") && log.contains("a/b:1"),
        "{log}"
    );
    // A person reads the same.
    let outcome = registry.command(&["store", "scrub"], "");
    assert!(outcome.stdout.contains("  affects a/b:1\n"), "{outcome}");
    outcome.fails(2);

    client.push_blob("a/b", &image.layers[0]);
    assert_eq!(report(&registry, &["scrub"])["hasLosses"], false);
    client.blob("a/b", &layer).expect(200);
    assert_eq!(metric(&registry, "roadstead_lost"), Some(0));
    registry.finish();
}
