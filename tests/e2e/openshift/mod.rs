//! Releases of `OpenShift` and their samples, brought in from registries that the tests are.
//!
//! Each world has the three registries that payloads name, a key that signs releases, a store of
//! signatures on a web server of its own, and a registry that knows all of them.

mod copy;
mod hostile;
mod interrupted;
mod job;
mod missing;
mod samples;
mod signature;
mod source;

use std::fs;

use harness::openshift::{Component, Release, ReleaseKey, SignatureStore, name};
use harness::{Anonymous, Client, Digest, Outcome, Registry, Subject, Upstream};
use serde_json::Value;

use crate::mirror::{document, tag};

/// Registries to copy from, what signs for them, and one to copy to.
struct World {
    registry: Registry,
    quay: Upstream,
    /// `registry.redhat.io` and `registry.access.redhat.com`.
    red_hat: [Upstream; 2],
    key: ReleaseKey,
    store: SignatureStore,
    /// Serves the store until the test ends.
    server: Upstream,
}

impl World {
    /// A world that has this release, signed.
    #[track_caller]
    fn of(release: &Release) -> Option<Self> {
        Self::with(release, "")
    }

    /// The same with more in the configuration.
    #[track_caller]
    fn with(release: &Release, more: &str) -> Option<Self> {
        let world = Self::empty(ReleaseKey::new()?, more);
        world.publish(release);
        Some(world)
    }

    /// A world without any release, which trusts this key.
    #[track_caller]
    fn empty(key: ReleaseKey, more: &str) -> Self {
        let (quay, red_hat) = (Upstream::start(), [(); 2].map(|()| Upstream::start()));
        let store = SignatureStore::new();
        let server = store.serve();
        let upstream = |(name, upstream): (&str, &Upstream)| {
            let url = upstream.url();
            format!("[[upstream]]\nname = \"{name}\"\nurls = [\"{url}\"]\n")
        };
        let upstreams = [name::QUAY].into_iter().chain(name::RED_HAT);
        let upstreams = upstreams.zip([&quay].into_iter().chain(&red_hat));
        let upstreams: String = upstreams.map(upstream).collect();
        let (file, url) = (key.file(), SignatureStore::url(&server));
        let trust = format!(
            "[release]\nkeys = [\"{}\"]\nsignature_stores = [\"{url}\"]\n",
            file.display()
        );
        let registry = Registry::with()
            .config(format!("{trust}{upstreams}{more}\n"))
            .anonymous(Anonymous::Pull)
            .start();
        Self {
            registry,
            quay,
            red_hat,
            key,
            store,
            server,
        }
    }

    /// Where the store of signatures is served.
    fn store_url(&self) -> String {
        SignatureStore::url(&self.server)
    }

    /// Puts a release where its registry has it, and signs it.
    #[track_caller]
    fn publish(&self, release: &Release) {
        release.push(&self.quay);
        self.sign(release);
    }

    /// Signs a release.
    #[track_caller]
    fn sign(&self, release: &Release) {
        let signature = self.attest(release);
        self.store.put(&release.digest(), 1, signature);
    }

    /// A signature of a release.
    #[track_caller]
    fn attest(&self, release: &Release) -> Vec<u8> {
        self.key.attest(&release.digest(), &reference(release))
    }

    /// `mirror` with these words, which prints a document and ends like this.
    #[track_caller]
    fn document(&self, words: &[&str], code: i32) -> Value {
        document(&self.registry, words, code)
    }

    /// `mirror` with these words, for people.
    #[track_caller]
    fn mirror(&self, words: &[&str]) -> Outcome {
        self.registry.command(&[&["mirror"], words].concat(), "")
    }

    /// Insists that a release lies here with all that belongs to it, byte for byte, and that nothing
    /// else does.
    #[track_caller]
    fn check_that_it_is_here(&self, release: &Release, images: &str, components: &str) {
        let client = self.registry.plain();
        let head = Some(release.digest());
        assert_eq!(tag(&client, images, &release.tag()), head);
        let named = format!("{}/{}", name::QUAY, name::RELEASES);
        let digest = release.digest();
        client.manifest(&named, digest.as_str()).expect(200);
        for (name, digest) in release.component_tags() {
            assert_eq!(tag(&client, components, &name), Some(digest), "{name}");
        }
        let mut tags: Vec<_> = release.component_tags().into_keys().collect();
        if images == components {
            tags.push(release.tag());
        } else {
            assert_eq!(client.tags(images), [release.tag()]);
        }
        tags.sort();
        assert_eq!(client.tags(components), tags);
        let named = format!("{}/{}", name::QUAY, name::COMPONENTS);
        for component in &release.components {
            for repository in [components, &named] {
                check_that_it_is_whole(&client, component, repository);
            }
        }
    }

    /// Insists that nothing came of it: nothing is served, and nothing takes room.
    #[track_caller]
    fn check_that_nothing_is_here(self) {
        assert_eq!(self.registry.admin().catalog(), Vec::<String>::new());
        assert!(!self.registry.data().join("signatures").exists());
        let truth = self.registry.finish().no_uploads();
        assert_eq!(truth.size(), 0);
    }

    /// The signatures that are kept of a release, in order.
    fn kept(&self, release: &Release) -> Vec<Vec<u8>> {
        let name = release.digest().as_str().replacen(':', "=", 1);
        let home = self.registry.data().join("signatures").join(name);
        let read = |number: usize| fs::read(home.join(format!("signature-{number}"))).ok();
        (1..).map_while(read).collect()
    }

    /// How many blobs were asked of quay.io.
    fn blobs_asked(&self) -> usize {
        let is_blob = |subject: Subject<'_>| matches!(subject, Subject::Blob(..));
        self.quay.count(|asked| is_blob(asked.subject()))
    }
}

/// Insists that a repository serves all manifests and blobs of a component.
#[track_caller]
fn check_that_it_is_whole(client: &Client, component: &Component, repository: &str) {
    for manifest in component.children.iter().chain([&component.manifest]) {
        let answer = client.manifest(repository, manifest.digest().as_str());
        let answer = answer.expect(200);
        assert_eq!(answer.body, manifest.bytes, "{repository}");
        assert_eq!(answer.must("content-type"), manifest.media_type);
    }
    for digest in component.blob_digests() {
        client
            .head(format!("/v2/{repository}/blobs/{digest}"))
            .expect(200);
    }
}

/// What a release is called where it comes from.
fn reference(release: &Release) -> String {
    format!("{}/{}:{}", name::QUAY, name::RELEASES, release.tag())
}

/// Where a component is to be had.
fn pullspec(digest: &Digest) -> String {
    format!("{}/{}@{digest}", name::QUAY, name::COMPONENTS)
}

/// The entry of a report about the image with this digest.
#[track_caller]
fn entry<'a>(report: &'a Value, digest: &Digest) -> &'a Value {
    let mut images = report["images"]
        .as_array()
        .expect("a report has images")
        .iter();
    let found = images.find(|image| {
        let is_named = image["source"]
            .as_str()
            .is_some_and(|name| name.contains(digest.as_str()));
        is_named || image["digest"] == digest.as_str()
    });
    found.unwrap_or_else(|| panic!("nothing of {digest}: {report:#}"))
}
