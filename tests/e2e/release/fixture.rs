//! The payload that the real `oc` made: what is told and extracted is what `oc` tells and extracts.

use std::fs;

use bytes::Bytes;
use harness::openshift::{Fixture, name};
use harness::upstream::Ca;
use harness::{Client, Digest, Registry, Scratch};
use serde_json::Value;

use super::{address, document};

/// A registry that the fixture was pushed to, or none where that or docker-registry is not here.
#[track_caller]
fn holding() -> Option<(Fixture, Registry)> {
    let fixture = Fixture::find()?;
    let upstream = fixture.serve(&Ca::new())?;
    let registry = Registry::open();
    let (from, to) = (upstream.client(), registry.plain());
    for line in fixture.expected("to-mirror.txt").lines() {
        let (source, destination) = line.split_once(' ').expect("a source and a destination");
        let tag = destination.rsplit(':').next().expect("a tag");
        let path = source.strip_prefix("quay.io/").expect("all are there");
        let (repository, reference) = path
            .split_once('@')
            .or_else(|| path.split_once(':'))
            .expect("it is named");
        let here = match repository {
            name::RELEASES => name::OUR_RELEASES,
            _ => name::OUR_COMPONENTS,
        };
        copy(&from, repository, reference, (&to, here, tag));
    }
    Some((fixture, registry))
}

/// Copies an image, or a list with all that is in it.
#[track_caller]
fn copy(from: &Client, repository: &str, reference: &str, (to, here, tag): (&Client, &str, &str)) {
    let stored = from.manifest(repository, reference).expect(200);
    let document = stored.json();
    for child in document["manifests"].as_array().into_iter().flatten() {
        let digest = text(child, "digest");
        copy(from, repository, digest, (to, here, digest));
    }
    let config = document.get("config").into_iter();
    for blob in config.chain(document["layers"].as_array().into_iter().flatten()) {
        let digest = text(blob, "digest");
        let path = format!("/v2/{repository}/blobs/{digest}");
        let bytes: Bytes = from.get(path).expect(200).body;
        to.push_blob(here, &bytes);
    }
    let media_type = stored.must("content-type").to_owned();
    let put = to.request(hyper::Method::PUT, format!("/v2/{here}/manifests/{tag}"));
    put.header("content-type", media_type)
        .body(stored.body)
        .send()
        .expect(201);
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("a text")
}

#[test]
fn what_oc_tells_of_a_release_is_told() {
    let Some((fixture, registry)) = holding() else {
        return;
    };
    let mut expected: Value = serde_json::from_str(&fixture.expected("release-info.json")).unwrap();
    let place = format!("{}/{}", address(&registry), name::OUR_RELEASES);
    expected["image"] = format!("{place}:4.18.7-x86_64").into();

    let info = document(&registry, &["info", "4.18.7-x86_64"], 0);

    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&info[key], value, "{key}");
    }
    assert_eq!(info, expected);
    registry.finish();
}

#[test]
fn what_oc_extracts_is_extracted_byte_for_byte() {
    let Some((fixture, mut registry)) = holding() else {
        return;
    };
    for has_server in [true, false] {
        if !has_server {
            registry.stop();
        }
        for line in fixture.expected("extract.sha256").lines() {
            let (hex, tool) = line.split_once("  ").expect("a checksum and a name");
            let scratch = Scratch::new();
            let to = scratch.join("tools");
            let place = to.to_str().expect("a path in text");
            let words = [
                "extract",
                "4.18.7",
                "--command",
                tool,
                "--source",
                "--to",
                place,
            ];
            document(&registry, &words, 0);
            let bytes = fs::read(to.join(tool)).expect("it is there");
            assert_eq!(Digest::of(&bytes).hex(), hex, "{tool}");
        }
    }
    registry.start_again();
    registry.finish();
}

#[test]
fn the_payload_of_oc_is_whole_and_vouched_for() {
    let Some((fixture, registry)) = holding() else {
        return;
    };
    let info = document(&registry, &["info", "4.18.7"], 0);
    let name = text(&info, "digest").replacen(':', "=", 1);
    let home = registry.data().join("signatures").join(&name);
    fs::create_dir_all(&home).unwrap();
    let signature = fixture.signatures().join(&name).join("signature-1");
    fs::copy(signature, home.join("signature-1")).unwrap();
    let key = fixture.key();
    let words = ["verify", "4.18.7", "--release-key", key.to_str().unwrap()];

    let verified = document(&registry, &words, 0);

    assert_eq!(verified["images"].as_array().unwrap().len(), 15);
    assert_eq!(
        (&verified["whole"], &verified["signed"]),
        (&true.into(), &true.into())
    );
    registry.finish();
}
