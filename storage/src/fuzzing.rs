//! What must hold of every parser here, whatever it reads: properties for the fuzzer in `tests/fuzz`.
//!
//! Compiled for tests and for the fuzzer only. A property takes bytes and panics when it does not hold.
//! It says more than that nothing breaks: what is accepted prints as it was read, stays within its
//! limits, and means the same to a second reader.

use std::path::{Component, Path};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::layout::{Layout, parse_flat_name};
use crate::oci::{Descriptor, Digest, Manifest, MediaType, Reference, RepoName, Tag};
use crate::record::{self, ManifestRecord, TagRecord};
use crate::upload::UploadId;
use crate::upload::fuzzing::upload_state;

/// Panics when what must hold does not, for these bytes.
pub type Property = fn(&[u8]);

/// Each property by the name of its corpus.
pub fn targets() -> impl Iterator<Item = (&'static str, Property)> {
    let targets: [(_, Property); 10] = [
        ("digest", |bytes| text(bytes, digest)),
        ("flat-name", |bytes| text(bytes, flat_name)),
        ("manifest", manifest),
        ("media-type", |bytes| text(bytes, media_type)),
        ("name", |bytes| text(bytes, name)),
        ("record", record),
        ("reference", |bytes| text(bytes, reference)),
        ("sealed-record", sealed_record),
        ("upload-id", |bytes| text(bytes, upload_id)),
        ("upload-state", upload_state),
    ];
    targets.into_iter()
}

fn text(bytes: &[u8], property: fn(&str)) {
    if let Ok(text) = str::from_utf8(bytes) {
        property(text);
    }
}

/// The grammar of the image specification, told a second time.
fn digest(text: &str) {
    let is_hex = |hex: &str, len| {
        hex.len() == len
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let expected = match text.split_once(':') {
        Some(("sha256", hex)) => is_hex(hex, 64),
        Some(("sha512", hex)) => is_hex(hex, 128),
        _ => false,
    };
    let digest = text.parse::<Digest>();
    assert_eq!(digest.is_ok(), expected);
    if let Ok(digest) = digest {
        assert_eq!(digest.to_string(), text);
    }
}

/// The name of a file in `trash/` and `quarantine/`.
fn flat_name(text: &str) {
    if let Some(digest) = parse_flat_name(text) {
        let path = Layout::new("/data".into()).quarantined(&digest);
        assert_eq!(path, Path::new("/data/quarantine").join(text));
    }
}

/// What stands before the first line break is the `Content-Type`, if there is anything.
fn manifest(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (head, body) = bytes.split_at(end);
    let body = Bytes::copy_from_slice(body.strip_prefix(b"\n").unwrap_or(body));
    let head = String::from_utf8_lossy(head);
    let Ok(manifest) = Manifest::parse(Some(&*head), body.clone()) else {
        return;
    };
    assert_eq!(manifest.bytes(), &body, "the bytes are the client's");
    agrees_with_a_plain_reader(&manifest);
    // No other type makes a list of blobs out of a list of manifests, or the other way round.
    for (media_type, is_index) in [
        (MediaType::OCI_MANIFEST, false),
        (MediaType::OCI_INDEX, true),
    ] {
        if Manifest::parse(Some(media_type.as_str()), body.clone()).is_ok() {
            assert_eq!(
                is_index,
                manifest.media_type().is_index(),
                "one of both kinds"
            );
        }
    }
    let again = Manifest::parse(Some(manifest.media_type().as_str()), body);
    let again = again.expect("its own type fits what was accepted without or with it");
    assert_eq!(again.blobs(), manifest.blobs());
    assert_eq!(again.children(), manifest.children());
}

/// A reader that knows no rules sees the same digests in the same places.
fn agrees_with_a_plain_reader(manifest: &Manifest) {
    let value: Value = serde_json::from_slice(manifest.bytes()).expect("JSON");
    let of = |descriptors: &[Descriptor]| -> Vec<Value> {
        let digests = descriptors
            .iter()
            .map(|descriptor| descriptor.digest.to_string().into());
        digests.collect()
    };
    let list = |key: &str| -> Vec<Value> {
        let list = value[key].as_array().into_iter().flatten();
        list.map(|descriptor| descriptor["digest"].clone())
            .collect()
    };
    assert_eq!(value["schemaVersion"], 2);
    if manifest.media_type().is_index() {
        assert_eq!(of(manifest.children()), list("manifests"));
        assert!(manifest.blobs().is_empty() && value.get("layers").is_none_or(Value::is_null));
    } else {
        let blobs = [vec![value["config"]["digest"].clone()], list("layers")].concat();
        assert_eq!(of(manifest.blobs()), blobs);
        assert!(manifest.children().is_empty() && value.get("manifests").is_none());
    }
    let subject = manifest.subject().map(|subject| subject.digest.to_string());
    assert_eq!(subject.as_deref(), value["subject"]["digest"].as_str());
}

fn media_type(text: &str) {
    if let Ok(media_type) = text.parse::<MediaType>() {
        let printed = media_type.as_str();
        assert_eq!(printed.parse::<MediaType>().as_ref(), Ok(&media_type));
        assert!(printed.len() <= 255 && printed.is_ascii());
        assert!(!printed.contains([';', ' ']) && !printed.contains(char::is_uppercase));
        assert!(!(media_type.is_index() && media_type.is_image()));
    }
}

fn name(text: &str) {
    if let Ok(name) = text.parse::<RepoName>() {
        assert_eq!(name.as_str(), text);
        assert!(text.len() <= 255);
        // A repository's own folders begin with `_`, and no path leads out.
        let dir = Layout::new("/data".into()).repo(&name).dir().to_owned();
        let below = dir.strip_prefix("/data/repos").expect("below repos");
        let components: Vec<_> = below.components().collect();
        assert_eq!(components.len(), text.split('/').count());
        for component in components {
            let Component::Normal(component) = component else {
                panic!("{component:?} is no name");
            };
            let component = component.to_str().expect("ASCII");
            assert!(component.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()));
            assert!(component.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()));
            assert!(!component.contains("..") && !component.contains("___"));
        }
    }
}

fn reference(text: &str) {
    match text.parse::<Reference>() {
        Ok(Reference::Digest(digest)) => assert_eq!(digest.to_string(), text),
        Ok(Reference::Tag(tag)) => {
            assert_eq!(tag.as_str(), text);
            assert_eq!(text.parse::<Tag>(), Ok(tag));
            assert!(text.len() <= 128 && text.is_ascii());
            assert!(!text.starts_with(['.', '-']) && !text.contains([':', '/', '\0', '%']));
        }
        Err(_) => {
            assert!(text.parse::<Tag>().is_err());
            assert!(text.parse::<Digest>().is_err());
        }
    }
}

/// A file as it may be found in the place of a record.
fn record(bytes: &[u8]) {
    stays::<ManifestRecord>(bytes);
    stays::<TagRecord>(bytes);
}

/// A record of fields that the fuzzer makes up, under the right hash; the last bit of it flipped
/// somewhere, it is none.
fn sealed_record(bytes: &[u8]) {
    let Some((place, json)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(json) else {
        return;
    };
    if fields.is_empty() {
        return;
    }
    let mut sealed = record::encode(&fields);
    assert_eq!(record::decode::<Map<String, Value>>(&sealed), Some(fields));
    record(&sealed);
    let bit = usize::from(u16::from_le_bytes(*place)) % (sealed.len() * 8);
    sealed[bit / 8] ^= 1 << (bit % 8);
    assert!(
        record::decode::<Value>(&sealed).is_none(),
        "bit {bit} flipped"
    );
}

/// What was read, written again, is read as the same.
fn stays<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Some(read) = record::decode::<T>(bytes) {
        let written = record::encode(&read);
        let again: T = record::decode(&written).expect("what we write is a record");
        assert_eq!(record::encode(&again), written);
    }
}

fn upload_id(text: &str) {
    if let Ok(id) = text.parse::<UploadId>() {
        assert_eq!(id.to_string(), text);
        assert!(text.len() == 36 && !text.contains(char::is_uppercase));
    }
}

#[cfg(test)]
#[path = "../../tests/fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_found_worth_keeping_keeps_its_property() {
        replay::replay(targets());
    }
}
