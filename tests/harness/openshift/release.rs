//! A release payload: its components, and the release image that names each of them by digest.
//!
//! `push` puts all of it where the payload says that it is, as the registry of releases has it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::component::{Component, Target, image_of};
use super::name;
use super::program::Program;
use super::samples::{Stream, samples_operator};
use crate::digest::Digest;
use crate::image::{Format, Image};
use crate::layer::Tar;

/// The version of a release, if nothing else is said.
pub const VERSION: &str = "4.18.7";

/// A release in the making.
#[derive(Clone, Debug)]
pub struct Recipe {
    version: String,
    architecture: String,
    components: Vec<Component>,
    below: Vec<Vec<u8>>,
    above: Vec<Vec<u8>>,
    registry: String,
    references: Value,
    metadata: Option<Value>,
}

/// A release payload.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// What its tags call the architecture: `x86_64`.
    pub architecture: String,
    /// The release image.
    pub image: Image,
    /// What it names.
    pub components: Vec<Component>,
}

impl Release {
    /// An empty release for `x86_64`, to which components are added.
    pub fn with(version: &str) -> Recipe {
        Recipe {
            version: version.to_owned(),
            architecture: "x86_64".to_owned(),
            components: Vec::new(),
            below: vec![Tar::new().file("etc/os-release", "ID=\"rhel\"\n").gzip()],
            above: Vec::new(),
            registry: name::QUAY.to_owned(),
            references: json!({}),
            metadata: Some(json!({})),
        }
    }

    /// A release with one component of each kind: programs, samples, lists with one child and with two.
    pub fn typical() -> Recipe {
        Self::with(VERSION).typical_components()
    }

    /// The tag of the release image: `4.18.7-x86_64`.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.version, self.architecture)
    }

    /// The digest of the release image.
    pub fn digest(&self) -> Digest {
        self.image.digest()
    }

    /// The component of this name.
    #[track_caller]
    pub fn component(&self, name: &str) -> &Component {
        let mut components = self.components.iter();
        let found = components.find(|component| component.name == name);
        found.unwrap_or_else(|| panic!("the release has no {name}"))
    }

    /// All manifests: the release image, the components, and the children of lists.
    pub fn digests(&self) -> BTreeSet<Digest> {
        let components = self.components.iter().flat_map(Component::digests);
        components.chain([self.digest()]).collect()
    }

    /// The tags that its components get here, and what each names.
    pub fn component_tags(&self) -> BTreeMap<String, Digest> {
        let tag = |component: &Component| {
            let tag = format!("{}-{}", self.tag(), component.name);
            (tag, component.digest())
        };
        self.components.iter().map(tag).collect()
    }

    /// Puts all of it where its own registry has it.
    #[track_caller]
    pub fn push(&self, target: &impl Target) {
        self.push_components(target, name::COMPONENTS);
        self.push_image(target, name::RELEASES);
    }

    /// Puts the components there.
    #[track_caller]
    pub fn push_components(&self, target: &impl Target, repository: &str) {
        for component in &self.components {
            component.push(target, repository);
        }
    }

    /// Puts the release image there, under its tag.
    #[track_caller]
    pub fn push_image(&self, target: &impl Target, repository: &str) {
        Component::image("release", &self.image).push(target, repository);
        target.take_manifest(repository, &self.tag(), &self.image.manifest);
    }
}

impl Recipe {
    /// Adds a component.
    #[must_use]
    pub fn component(mut self, component: Component) -> Self {
        self.components.push(component);
        self
    }

    /// Is for this architecture, as tags call it: `aarch64`.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// Names its components at this registry in place of quay.io.
    #[must_use]
    pub fn registry(mut self, registry: &str) -> Self {
        registry.clone_into(&mut self.registry);
        self
    }

    /// Puts a layer under the one with the manifests.
    #[must_use]
    pub fn below(mut self, layer: Vec<u8>) -> Self {
        self.below.push(layer);
        self
    }

    /// Puts a layer upon the one with the manifests.
    #[must_use]
    pub fn above(mut self, layer: Vec<u8>) -> Self {
        self.above.push(layer);
        self
    }

    /// Says something else of its metadata, or of what it lacks.
    #[must_use]
    pub fn metadata(mut self, metadata: Option<Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Says this in image-references, member by member, in place of what would stand there.
    #[must_use]
    pub fn references(mut self, references: Value) -> Self {
        self.references = references;
        self
    }

    /// Makes it.
    pub fn build(self) -> Release {
        let references = merged(self.image_references(), &self.references);
        let metadata = self.metadata.as_ref();
        let metadata = metadata.map(|given| merged(self.release_metadata(), given));
        let manifests = manifests_layer(&references, metadata.as_ref());
        let labels = json!({ "Labels": {
            "io.openshift.release": self.version,
            "io.openshift.release.base-image-digest": "sha256:none",
        } });
        let architecture = match &*self.architecture {
            "x86_64" | "multi" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let layers = [self.below, vec![manifests], self.above].concat();
        let image = image_of(Format::Docker, architecture, layers, &labels);
        Release {
            version: self.version,
            architecture: self.architecture,
            image,
            components: self.components,
        }
    }

    fn image_references(&self) -> Value {
        let (registry, repository) = (&self.registry, name::COMPONENTS);
        let tag = |component: &Component| {
            let digest = component.digest();
            json!({
                "name": component.name,
                "annotations": {
                    "io.openshift.build.commit.id": "0123456789abcdef0123456789abcdef01234567",
                    "io.openshift.build.commit.ref": "release-4.18",
                    "io.openshift.build.source-location":
                        format!("https://git.example/{}", component.name),
                    "io.openshift.build.versions": "",
                },
                "from": {
                    "kind": "DockerImage",
                    "name": format!("{registry}/{repository}@{digest}"),
                },
                "generation": null,
                "importPolicy": {},
                "referencePolicy": { "type": "" },
            })
        };
        json!({
            "kind": "ImageStream",
            "apiVersion": "image.openshift.io/v1",
            "metadata": {
                "name": self.version,
                "creationTimestamp": "2025-01-01T00:00:00Z",
                "annotations": { "release.openshift.io/from-image-stream": "ocp/4.18-art" },
            },
            "spec": {
                "lookupPolicy": { "local": false },
                "tags": self.components.iter().map(tag).collect::<Vec<_>>(),
            },
            "status": { "dockerImageRepository": "" },
        })
    }

    fn release_metadata(&self) -> Value {
        json!({
            "kind": "cincinnati-metadata-v0",
            "version": self.version,
            "previous": ["4.17.20", "4.18.6"],
            "metadata": { "url": "https://errata.example/RHBA-2025:0001" },
        })
    }

    fn typical_components(self) -> Self {
        let [amd64, arm64] = ["amd64", "arm64"].map(|architecture| {
            let texts = ["the base of all components", "tests", architecture];
            Image::for_platform(Format::Oci, ("linux", architecture), &texts)
        });
        let gather = Image::new(Format::Docker, "must-gather");
        let stream = Stream::new("nodejs")
            .tag("20", "registry.redhat.io/ubi9/nodejs-20:latest")
            .alias("latest", "20");
        let linux = |architecture| ("linux", architecture);
        self.component(program("cli", "usr/bin/oc", &Program::client(1)))
            .component(program(
                "installer",
                "usr/bin/openshift-install",
                &Program::installer(2),
            ))
            .component(samples_operator("x86_64", &[stream]))
            .component(Component::small("cluster-version-operator"))
            .component(Component::small("etcd"))
            .component(Component::list(
                "must-gather",
                Format::Docker,
                &[(&gather, linux("amd64"))],
            ))
            .component(Component::small("pod"))
            .component(Component::list(
                "tests",
                Format::Oci,
                &[(&amd64, linux("amd64")), (&arm64, linux("arm64"))],
            ))
    }
}

/// The layer that makes an image a release image.
pub fn manifests_layer(references: &Value, metadata: Option<&Value>) -> Vec<u8> {
    let home = "release-manifests";
    let operator = json!({ "kind": "Deployment", "metadata": { "name": "of no interest" } });
    let mut tar = Tar::new()
        .directory(home)
        .file(
            &format!("{home}/0000_50_operator.yaml"),
            operator.to_string(),
        )
        .file(
            &format!("{home}/image-references"),
            format!("{references:#}"),
        );
    if let Some(metadata) = metadata {
        tar = tar.file(&format!("{home}/release-metadata"), format!("{metadata:#}"));
    }
    tar.gzip()
}

/// A component with this program at this path.
fn program(name: &str, path: &str, program: &Program) -> Component {
    let base = Tar::new().file("etc/os-release", "ID=\"rhel\"\n");
    let layer = Tar::new().file(path, program.bytes());
    Component::layers(
        name,
        Format::Docker,
        "amd64",
        vec![base.gzip(), layer.gzip()],
    )
}

/// The same with these members in place of its own.
fn merged(mut document: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().expect("members by name") {
        document[name] = value.clone();
    }
    document
}
