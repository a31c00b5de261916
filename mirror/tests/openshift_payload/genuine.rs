//! The payload that the real `oc` made, where it lies beside the project: read from its own blobs, and
//! compared with what `oc` said of it. What is promised here is shown elsewhere of payloads that are
//! made in code, too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use harness::openshift::Fixture;
use harness::{Outcome, Scratch};
use roadstead_mirror::openshift::{
    Arch, Content, Payload, Streams, image_of, payload_of, sample_place, sample_rewritten,
};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference};
use roadstead_storage::{Config, Origin, Principal, Put, Store};
use serde_json::Value;

use crate::lab::{REPOSITORY, name, read};

/// Where the payload lies, from the project.
const ARCHIVE: &str = "../shared/fixtures/openshift-4.18.7/upstream-registry.tar.xz";
/// Where a cluster is told to look for samples.
const ADDRESS: &str = "registry.example.com:8443/samples";

/// A store that is given images of the payload.
struct Lab {
    fixture: Fixture,
    store: Store,
    upstream: PathBuf,
    _scratch: Scratch,
}

impl Lab {
    /// It, where the payload is.
    async fn new() -> Option<Self> {
        let fixture = Fixture::find()?;
        let scratch = Scratch::new();
        let upstream = scratch.dir("upstream");
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let mut unpack = Command::new("tar");
        let archive = project.join(ARCHIVE);
        unpack.arg("-xJf").arg(archive).arg("-C").arg(&upstream);
        Outcome::of(&mut unpack, "").ok();
        let config = Config::new(scratch.join("data"));
        Some(Self {
            fixture,
            store: Store::create_or_open(config).await.expect("a store"),
            upstream,
            _scratch: scratch,
        })
    }

    fn content(&self) -> Content {
        Content::Held(self.store.repo(&name(REPOSITORY)))
    }

    /// A blob of the upstream, which keeps them as docker-registry does.
    fn blob(&self, digest: Digest) -> Bytes {
        let hex = digest.hex();
        let path = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        let path = self.upstream.join(path);
        let read = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        read.into()
    }

    /// Takes an image with all that belongs to it, and reads its manifest again.
    async fn take(&self, digest: Digest) -> Arc<Manifest> {
        let bytes = self.blob(digest);
        let document: Value = serde_json::from_slice(&bytes).expect("JSON");
        let media_type = document["mediaType"].as_str();
        let manifest = Manifest::parse(media_type, bytes).expect("a manifest");
        let (repository, by) = (name(REPOSITORY), Principal::new("test"));
        for blob in manifest.blobs() {
            let begun = self.store.begin_upload(&repository, &by, Algorithm::Sha256);
            let id = begun.await.expect("begins");
            let upload = self.store.upload(&repository, id, &by).await;
            let mut upload = upload.expect("it has begun");
            upload.append(self.blob(blob.digest)).await.expect("writes");
            upload.commit(blob.digest).await.expect("is what it says");
        }
        let put = Put {
            manifest,
            digest,
            tags: Vec::new(),
            origin: Origin::Pushed,
            by,
        };
        let repo = self.store.repo(&repository);
        repo.put_manifest(put).await.expect("is taken");
        let found = self.content().manifest(&Reference::Digest(digest)).await;
        found.expect("reads").expect("is there").1
    }

    /// What `oc` says of the release.
    fn told(&self) -> Value {
        let text = self.fixture.expected("release-info.json");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn payload(&self) -> Payload {
        let told = self.told();
        let digest = told["digest"].as_str().expect("a text");
        let image = self.take(digest.parse().expect("a digest")).await;
        let payload = payload_of(&self.content(), &image).await;
        payload.expect("it is a release")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_says_of_itself_what_oc_says_of_it() {
    let Some(lab) = Lab::new().await else { return };
    let (payload, told) = (lab.payload().await, lab.told());
    assert_eq!(payload.version(), told["metadata"]["version"]);
    assert_eq!(payload.metadata(), Some(&told["metadata"]));
    let tags = told["references"]["spec"]["tags"].as_array();
    let tags = tags.expect("a list").iter();
    let tags = tags.map(|tag| (tag["name"].clone(), tag["from"]["name"].clone()));
    let components = payload.components().iter();
    let components = components.map(|it| (it.name().into(), it.image().to_string().into()));
    assert_eq!(components.collect::<Vec<_>>(), tags.collect::<Vec<_>>());
    assert_eq!(payload.components().len(), 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_samples_are_found_and_each_has_its_place_here() {
    let Some(lab) = Lab::new().await else { return };
    let payload = lab.payload().await;
    let operator = payload.component("cluster-samples-operator");
    let digest = operator.expect("it has samples").image().digest();
    let manifest = lab.take(digest).await;
    let content = lab.content();
    let image = image_of(&content, digest, manifest, None).await;
    let (_, image) = image.expect("it is an image");
    let streams = Streams::of_operator(&content, &image, Arch::X86_64).await;
    let streams = streams.expect("they are read");
    let told = lab.fixture.expected("sample-images-x86_64.txt");
    let told: BTreeSet<_> = told.lines().collect();
    assert_eq!(streams.images(), told);
    assert_eq!((streams.iter().count(), told.len()), (50, 242));
    let prefix = name("samples");
    for sample in told {
        let (repository, tag) = sample_place(sample, Some(&prefix)).expect("it has a place");
        let looked_for = sample_rewritten(sample, ADDRESS);
        let tagged = format!("registry.example.com:8443/{repository}:{tag}");
        let is_there = looked_for == tagged || format!("{looked_for}:latest") == tagged;
        assert!(
            is_there,
            "{sample} is looked for as {looked_for}, and is {tagged}"
        );
    }
    let others = Streams::of_operator(&content, &image, Arch::S390x).await;
    others.expect_err("there are none for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_read_out_of_its_image_whole() {
    let Some(lab) = Lab::new().await else { return };
    let cli = lab.payload().await;
    let digest = cli.component("cli").expect("it has one").image().digest();
    let image = lab.take(digest).await;
    let (info, program) = read(&lab.content(), &image, "/usr/bin/oc")
        .await
        .expect("it is read");
    assert_eq!(info.size, program.len() as u64);
    assert_eq!(info.size, 4193);
    let marker = b"_RELEASE_VERSION_LOCATION_";
    let has_marker = program.windows(marker.len()).any(|it| it == marker);
    assert!(has_marker, "it is another program");
}
