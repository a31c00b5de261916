//! The store's upkeep, by command and by itself, while the registry serves.

mod backup;
mod collection;
mod interrupt;
mod limits;
mod scrub;

use std::path::PathBuf;

use harness::{Digest, Registry};
use serde_json::Value;

/// The file of a blob.
fn blob_file(registry: &Registry, digest: &Digest) -> PathBuf {
    let (algorithm, hex) = digest.as_str().split_once(':').expect("algorithm:hex");
    let folder = registry.data().join("blobs").join(algorithm);
    folder.join(&hex[..2]).join(hex)
}

/// The document that a command of the store prints.
#[track_caller]
fn report(registry: &Registry, words: &[&str]) -> Value {
    let text = registry
        .command(&[&["store"], words, &["--json"]].concat(), "")
        .ok();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// What `/metrics` says of this series, if it is there.
#[track_caller]
fn metric(registry: &Registry, series: &str) -> Option<u64> {
    let metrics = registry.plain().get("/metrics").expect(200);
    let values = metrics
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix(series));
    let mut numbers = values.filter_map(|value| value.trim().parse().ok());
    numbers.next()
}
