//! The payload that the real `oc` made: what is brought in, told and extracted is what `oc` does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use harness::openshift::{Fixture, name};
use harness::tools::Distribution;
use harness::upstream::Ca;
use harness::{Digest, Registry, Scratch, Truth};
use serde_json::Value;

use super::registry;

const TO: &str = "ocp4/openshift4";
/// What the registry of `oc` was called.
const ADDRESS: &str = "registry.example.com:8443";

/// The fixture behind docker-registry, and a registry that knows it.
struct World {
    fixture: Fixture,
    registry: Registry,
    _upstream: Distribution,
    scratch: Scratch,
}

impl World {
    /// One, or none where the fixture or docker-registry is not here.
    #[track_caller]
    fn open() -> Option<Self> {
        let fixture = Fixture::find()?;
        let (ca, scratch) = (Ca::new(), Scratch::new());
        let upstream = fixture.serve(&ca)?;
        let registry = registry(&upstream, &ca, &scratch, &fixture.key());
        Some(Self {
            fixture,
            registry,
            _upstream: upstream,
            scratch,
        })
    }

    /// `mirror` with these words, which prints a document.
    #[track_caller]
    fn mirror(&self, words: &[&str]) -> Value {
        let store = self.fixture.signatures();
        let store = store.to_str().expect("a path of text");
        let rest = ["--signature-store", store, "--json"];
        let words = [&["mirror"], words, &rest].concat();
        let text = self.registry.command(&words, "").ok();
        serde_json::from_str(&text).expect("a document")
    }
}

/// Every mirror of a document of a cluster, by its source.
#[track_caller]
fn mirrors(yaml: &str, key: &str) -> BTreeMap<String, BTreeSet<String>> {
    let document: Value = serde_saphyr::from_str(yaml).expect("a document of YAML");
    let list = match &document["spec"][key] {
        Value::Null => &document[key],
        list => list,
    };
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let entries = list.as_array().expect("a list of mirrors").iter();
    let entries = entries.map(|entry| {
        let mirrors = entry["mirrors"].as_array().expect("mirrors");
        (text(&entry["source"]), mirrors.iter().map(text).collect())
    });
    entries.collect()
}

/// The part of what `oc` printed that begins with this line.
fn part(text: &str, first: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.starts_with(first));
    let lines = lines.take_while(|line| !line.is_empty());
    lines.fold(String::new(), |part, line| part + line + "\n")
}

#[test]
fn all_that_oc_mirrors_is_mirrored_to_the_same_names() {
    let Some(world) = World::open() else {
        return;
    };
    let report = world.mirror(&["release", "4.18.7-x86_64", "--to", TO]);
    let images = report["images"].as_array().expect("images").iter();
    // The release image is fetched by the digest that its name led to.
    let summary = &report["release"];
    let line = |image: &Value| {
        let is_head = image["digest"] == summary["digest"];
        let [source, destination] = ["source", "destination"].map(|key| {
            let of = if is_head { summary } else { image };
            of[key].as_str().expect("a text").to_owned()
        });
        format!("{source} {ADDRESS}/{destination}")
    };
    let lines: BTreeSet<_> = images.map(line).collect();
    let expected = world.fixture.expected("to-mirror.txt");
    let expected: BTreeSet<_> = expected.lines().map(str::to_owned).collect();
    assert_eq!(lines, expected);
    let truth = world.registry.check();
    assert_eq!(truth.repositories[TO].manifests.len(), 18);
    let signature = world.fixture.signatures();
    let signature = signature
        .join(digest(&report).replacen(':', "=", 1))
        .join("signature-1");
    let kept = world.registry.data().join("signatures");
    let kept = kept
        .join(digest(&report).replacen(':', "=", 1))
        .join("signature-1");
    assert_eq!(
        fs::read(kept).expect("it is kept"),
        fs::read(signature).expect("it is there")
    );

    // The layout of oc-mirror takes nothing more.
    let report = world.mirror(&["release", "4.18.7-x86_64"]);
    assert_eq!(report["totals"]["bytesFetched"], 0);
    let truth = world.registry.check();
    assert_eq!(truth.repositories[name::OUR_RELEASES].manifests.len(), 1);
    assert_eq!(truth.repositories[name::OUR_COMPONENTS].manifests.len(), 17);
    world.registry.finish().no_uploads();
}

fn digest(report: &Value) -> String {
    report["release"]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned()
}

#[test]
fn clusters_are_told_the_mirrors_that_oc_tells_them() {
    let Some(world) = World::open() else {
        return;
    };
    world.mirror(&["release", "4.18.7-x86_64", "--to", TO]);
    let told = |kind: &str| {
        let words = [
            "cluster",
            kind,
            "--address",
            ADDRESS,
            "--release",
            "4.18.7-x86_64",
        ];
        world.registry.command(&words, "").ok()
    };
    let (idms, icsp) = (told("idms"), told("icsp"));
    let expected = world.fixture.expected("mirror-idms.stdout");
    let object = part(&expected, "apiVersion:");
    let key = "imageDigestMirrors";
    assert_eq!(mirrors(&idms, key), mirrors(&object, key));
    let (key, block) = ("imageDigestSources", part(&expected, "imageDigestSources:"));
    assert_eq!(mirrors(&told("install-config"), key), mirrors(&block, key));
    let expected = world.fixture.expected("mirror-icsp.stdout");
    let object = part(&expected, "apiVersion:");
    let key = "repositoryDigestMirrors";
    assert_eq!(mirrors(&icsp, key), mirrors(&object, key));
    assert_eq!(told("idms"), idms, "the same bytes each time");
    world.registry.finish().no_uploads();
}

#[test]
fn all_samples_of_the_release_are_mirrored() {
    let Some(mut world) = World::open() else {
        return;
    };
    let report = world.mirror(&["samples", "4.18.7-x86_64", "--all"]);
    assert_eq!(report["result"], "done");
    let images = report["images"].as_array().expect("images");
    let of = |key: &str| -> BTreeSet<_> {
        let texts = images
            .iter()
            .map(|image| image[key].as_str().expect("a text"));
        texts.map(str::to_owned).collect()
    };
    let expected = world.fixture.expected("sample-images-x86_64.txt");
    let tagged = |name: &str| match name.rsplit('/').next() {
        Some(last) if last.contains(':') => name.to_owned(),
        _ => format!("{name}:latest"),
    };
    assert_eq!(expected.lines().count(), 242);
    let expected: BTreeSet<_> = expected.lines().map(tagged).collect();
    assert_eq!(of("source"), expected);
    let path = |name: &String| name.split_once('/').expect("a registry").1.to_owned();
    let paths: BTreeSet<_> = expected.iter().map(path).collect();
    assert_eq!(of("destination"), paths);
    let client = world.registry.client();
    for path in &paths {
        let (repository, tag) = path.rsplit_once(':').expect("a tag");
        client
            .head(format!("/v2/{repository}/manifests/{tag}"))
            .expect(200);
    }
    let streams = report["streams"].as_array().expect("streams");
    assert!(streams.iter().all(|stream| stream["missing"].is_null()));
    // What each of a hundred repositories does not have is not asked for.
    world.registry.stop();
    Truth::of(world.registry.data()).no_uploads();
}

#[test]
fn what_is_extracted_is_what_oc_extracts() {
    let Some(world) = World::open() else {
        return;
    };
    world.mirror(&["release", "4.18.7-x86_64"]);
    let expected = world.fixture.expected("extract.sha256");
    for line in expected.lines() {
        let (hex, tool) = line.split_once("  ").expect("a checksum and a name");
        let to = world.scratch.dir("tools");
        let to = to.to_str().expect("scratch paths are text");
        let words = [
            "release",
            "extract",
            "4.18.7-x86_64",
            "--command",
            tool,
            "--source",
        ];
        let words = [&words[..], &["--to", to]].concat();
        world.registry.command(&words, "").ok();
        let bytes = fs::read(world.scratch.join("tools").join(tool)).expect("it is extracted");
        assert_eq!(Digest::of(&bytes).hex(), hex, "{tool}");
    }
    world.registry.finish().no_uploads();
}
