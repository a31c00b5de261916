//! Reads what a repository holds, and says what of it may go, and what it needs in any case.
//!
//! Reads records, tags and manifests from the files, as collection does, and never the index. Where a
//! record cannot be read nobody knows what it keeps, so that all of the repository stays.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use super::family::{Family, Node, Stay, families, staying};
use crate::error::Error;
use crate::layout::parse_flat_name;
use crate::oci::{Digest, Manifest, Tag};
use crate::record::Origin;
use crate::rehash::is_loss;
use crate::repo::Files;

/// What was asked for so short a time ago is in use: a client may be pulling the rest of it.
const IN_USE: Duration = Duration::from_hours(1);

/// What is going on in the store.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) now: SystemTime,
    /// Blobs on their way: the images that they belong to are in use, however long that takes.
    pub(super) fetched: HashSet<Digest>,
}

/// One repository.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// What may go, in the order in which it may.
    pub(super) going: Vec<Going>,
    /// Blobs that are needed by what stays.
    pub(super) needed: HashSet<Digest>,
}

/// Manifests that may go together.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) family: Family,
    pub(super) manifests: Vec<Digest>,
    /// Their layers, each once. Configs are small, and are not counted on.
    pub(super) layers: Vec<Digest>,
}

/// A manifest with what matters of its record and its tags.
struct Entry {
    digest: Digest,
    manifest: Manifest,
    last_use: SystemTime,
    stays: Option<Stay>,
    /// What its tags say that it is about.
    subjects: Vec<Digest>,
}

/// What tags say of the manifests that they name.
#[derive(Debug, Default)]
struct Named {
    kept: HashSet<Digest>,
    /// Whether a tag cannot be read, so that nobody can say what is kept.
    is_doubtful: bool,
    subjects: HashMap<Digest, Vec<Digest>>,
}

impl Census {
    /// Reads a repository; `step` is called after each manifest, and ends it with an error.
    pub(super) fn take(
        files: &Files,
        present: &Present,
        step: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut named = Named::read(files)?;
        let mut entries = Vec::new();
        for digest in files.manifest_digests()? {
            entries.extend(Entry::read(files, digest, &mut named, present)?);
            step()?;
        }
        let nodes = nodes(&entries);
        let stays = staying(&nodes);
        let mut needed: HashSet<Digest> = entries
            .iter()
            .zip(&stays)
            .filter(|(_, stays)| **stays)
            .flat_map(|(entry, _)| blobs(&entry.manifest))
            .collect();
        if files.has_lost_manifest()? {
            needed.extend(files.linked_blobs()?);
        }
        let going = families(&nodes, &stays);
        let going = going.into_iter().map(|family| Going::new(family, &entries));
        Ok(Self {
            going: going.collect(),
            needed,
        })
    }
}

impl Going {
    fn new(family: Family, entries: &[Entry]) -> Self {
        let members = || family.members.iter().map(|place| &entries[*place]);
        let layers = members().flat_map(|entry| blobs(&entry.manifest).skip(1));
        let layers: HashSet<Digest> = layers.collect();
        Self {
            manifests: members().map(|entry| entry.digest).collect(),
            layers: layers.into_iter().collect(),
            family,
        }
    }
}

/// The config of an image, and then its layers.
fn blobs(manifest: &Manifest) -> impl Iterator<Item = Digest> {
    manifest.blobs().iter().map(|blob| blob.digest)
}

impl Named {
    fn read(files: &Files) -> Result<Self, Error> {
        let mut named = Self::default();
        for tag in files.list_tags()? {
            match files.tag_record(&tag) {
                Err(error) if is_loss(&error) => named.is_doubtful = true,
                Err(error) => return Err(error),
                Ok(None) => {}
                Ok(Some(record)) => {
                    let digest = record.digest;
                    if record.origin != Origin::PulledThrough || files.is_immutable(&tag) {
                        named.kept.insert(digest);
                    }
                    if let Some(subject) = subject_of(&tag) {
                        named.subjects.entry(digest).or_default().push(subject);
                    }
                }
            }
        }
        Ok(named)
    }
}

/// What the manifest is about that a tag names: so registries without referrers have them listed
/// (distribution-spec, "Referrers Tag Schema"), and signatures have lain since before there were any.
fn subject_of(tag: &Tag) -> Option<Digest> {
    let name = tag.as_str();
    parse_flat_name(name.split_once('.').map_or(name, |(subject, _)| subject))
}

impl Entry {
    /// Reads one manifest; `None` when it was deleted since it was listed.
    fn read(
        files: &Files,
        digest: Digest,
        named: &mut Named,
        present: &Present,
    ) -> Result<Option<Self>, Error> {
        let Some(record) = files.manifest_record(digest)? else {
            return Ok(None);
        };
        let Some(manifest) = files.parse_manifest(digest)? else {
            return Ok(None);
        };
        let last_use = files.last_use(digest, &record)?;
        let is_kept = named.is_doubtful || named.kept.contains(&digest);
        // A time that is yet to come is as good as now.
        let is_recent = !present
            .now
            .duration_since(last_use)
            .is_ok_and(|since| since >= IN_USE);
        let stays = if is_kept || record.origin != Origin::PulledThrough {
            Some(Stay::ForGood)
        } else if is_recent || blobs(&manifest).any(|blob| present.fetched.contains(&blob)) {
            Some(Stay::ForNow)
        } else {
            None
        };
        Ok(Some(Self {
            digest,
            manifest,
            last_use,
            stays,
            subjects: named.subjects.remove(&digest).unwrap_or_default(),
        }))
    }
}

fn nodes(entries: &[Entry]) -> Vec<Node> {
    let digests = entries.iter().enumerate();
    let places: HashMap<Digest, usize> = digests
        .map(|(place, entry)| (entry.digest, place))
        .collect();
    let place = |digest: &Digest| places.get(digest).copied();
    let node = |entry: &Entry| {
        let children = entry.manifest.children().iter();
        let subject = entry.manifest.subject().map(|subject| &subject.digest);
        let subjects = subject.into_iter().chain(&entry.subjects);
        Node {
            last_use: entry.last_use,
            stays: entry.stays,
            holds: children.filter_map(|child| place(&child.digest)).collect(),
            subjects: subjects.filter_map(place).collect(),
        }
    };
    let mut nodes: Vec<_> = entries.iter().map(node).collect();
    for referrer in 0..nodes.len() {
        for subject in nodes[referrer].subjects.clone() {
            nodes[subject].holds.push(referrer);
        }
    }
    nodes
}
