//! The published layout of a data directory, as somebody reads it who has only the contract.
//!
//! What is there is listed; whether it is consistent is the question of `truth`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::digest::{Digest, Hasher};

/// What one repository holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Each manifest record with its media type.
    pub manifests: BTreeMap<Digest, String>,
    /// Each tag with what it points at.
    pub tags: BTreeMap<String, Digest>,
    /// Each subject with what refers to it.
    pub referrers: BTreeMap<Digest, BTreeSet<Digest>>,
    /// The blobs that may be served from here.
    pub blobs: BTreeSet<Digest>,
}

/// The repositories under `repos/`: directories that hold one of the four kinds of content.
pub(crate) fn repositories(dir: &Path, name: &str, found: &mut BTreeMap<String, Holding>) {
    let mut holding = Holding::default();
    // A repository stays one when all that was in it has been deleted.
    let mut is_repository = false;
    for entry in names(dir) {
        let path = dir.join(&entry);
        is_repository |= entry.starts_with('_');
        match entry.as_str() {
            "_manifests" => {
                holding.manifests = digests(&path)
                    .map(|(digest, path)| (digest, text(&record(&path), "mediaType", &path)))
                    .collect();
            }
            "_tags" => {
                holding.tags = names(&path)
                    .map(|tag| {
                        let path = path.join(&tag);
                        (tag, digest_in(&record(&path), &path.display().to_string()))
                    })
                    .collect();
            }
            "_blobs" => {
                holding.blobs = digests(&path)
                    .map(|(digest, path)| (digest, empty(&path)).0)
                    .collect();
            }
            "_referrers" => holding.referrers = referrers(&path),
            other if !other.starts_with('_') => {
                let below = if name.is_empty() {
                    entry
                } else {
                    format!("{name}/{entry}")
                };
                repositories(&path, &below, found);
            }
            other => panic!("an unknown directory in repos/{name}: {other}"),
        }
    }
    if is_repository {
        found.insert(name.to_owned(), holding);
    }
}

fn referrers(dir: &Path) -> BTreeMap<Digest, BTreeSet<Digest>> {
    digests(dir)
        .map(|(subject, path)| {
            let referrers = names(&path)
                .map(|entry| {
                    empty(&path.join(&entry));
                    let (algorithm, hex) = entry.split_once('-').expect("<algorithm>-<hex>");
                    Digest::verbatim(format!("{algorithm}:{hex}"))
                })
                .collect();
            (subject, referrers)
        })
        .filter(|(_, referrers): &(_, BTreeSet<_>)| !referrers.is_empty())
        .collect()
}

pub(crate) fn record_path(data: &Path, name: &str, digest: &Digest) -> PathBuf {
    let dir = data.join("repos").join(name).join("_manifests");
    dir.join(digest.algorithm()).join(digest.hex())
}

/// What lies under `<algorithm>/<hex>`.
fn digests(dir: &Path) -> impl Iterator<Item = (Digest, PathBuf)> {
    names(dir).flat_map({
        let dir = dir.to_owned();
        move |algorithm| {
            let dir = dir.join(&algorithm);
            names(&dir).map(move |hex| {
                let path = dir.join(&hex);
                (Digest::verbatim(format!("{algorithm}:{hex}")), path)
            })
        }
    })
}

/// What lies under `<algorithm>/<2 hex>/<hex>`.
pub(crate) fn blob_files(dir: &Path) -> impl Iterator<Item = (Digest, PathBuf)> {
    digests(dir).flat_map(|(shard, dir)| {
        names(&dir).map(move |hex| {
            assert!(
                hex.starts_with(shard.hex()),
                "{hex} lies in the wrong directory"
            );
            (
                Digest::verbatim(format!("{}:{hex}", shard.algorithm())),
                dir.join(&hex),
            )
        })
    })
}

/// The names in a directory, sorted; none where there is no directory.
pub(crate) fn names(dir: &Path) -> impl Iterator<Item = String> + use<> {
    let names: BTreeSet<_> = fs::read_dir(dir)
        .map(|entries| {
            entries
                .map(|entry| entry.expect("a readable directory").file_name())
                .collect()
        })
        .unwrap_or_default();
    names
        .into_iter()
        .map(|name| name.into_string().expect("names in the store are ASCII"))
}

pub(crate) fn record(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(record: &Value, member: &str, path: &Path) -> String {
    let text = record[member].as_str();
    text.unwrap_or_else(|| panic!("no `{member}` in {}: {record}", path.display()))
        .to_owned()
}

pub(crate) fn digest_in(record: &Value, place: &str) -> Digest {
    Digest::verbatim(
        record["digest"]
            .as_str()
            .unwrap_or_else(|| panic!("no digest in {place}: {record}")),
    )
}

fn empty(path: &Path) {
    let length = fs::metadata(path)
        .expect("a link that was just listed")
        .len();
    assert_eq!(length, 0, "{} is not empty", path.display());
}

pub(crate) fn hash(path: &Path, algorithm: &str) -> (Digest, u64) {
    let mut hasher = Hasher::named(algorithm)
        .unwrap_or_else(|| panic!("{} is of an unknown algorithm", path.display()));
    let mut file = File::open(path).expect("open a blob that was just listed");
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut buffer).expect("read a blob") {
            0 => return (hasher.finish(), size),
            count => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
}
