//! Image streams, and the component that carries those of a release.

use serde_json::{Value, json};

use super::component::Component;
use crate::image::Format;
use crate::layer::Tar;

/// An image stream: tags that name images of other registries, or other tags of its own.
#[derive(Clone, Debug)]
pub struct Stream {
    name: String,
    tags: Vec<Value>,
}

impl Stream {
    /// One without tags.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tags: Vec::new(),
        }
    }

    /// Adds a tag that names an image.
    #[must_use]
    pub fn tag(self, name: &str, image: &str) -> Self {
        self.with(name, "DockerImage", image)
    }

    /// Adds a tag that names another tag of the same stream.
    #[must_use]
    pub fn alias(self, name: &str, tag: &str) -> Self {
        self.with(name, "ImageStreamTag", tag)
    }

    /// Its document.
    pub fn json(&self) -> Value {
        json!({
            "kind": "ImageStream",
            "apiVersion": "image.openshift.io/v1",
            "metadata": {
                "name": self.name,
                "creationTimestamp": null,
                "annotations": { "openshift.io/display-name": self.name },
            },
            "spec": { "lookupPolicy": { "local": false }, "tags": self.tags },
            "status": { "dockerImageRepository": "" },
        })
    }

    fn with(mut self, name: &str, kind: &str, from: &str) -> Self {
        self.tags.push(json!({
            "name": name,
            "annotations": { "description": "made by a test", "version": name },
            "from": { "kind": kind, "name": from },
            "generation": null,
            "importPolicy": {},
            "referencePolicy": { "type": "Local" },
        }));
        self
    }
}

/// The component `cluster-samples-operator` with these streams for this architecture (`x86_64`).
pub fn samples_operator(architecture: &str, streams: &[Stream]) -> Component {
    let home = format!("opt/openshift/operator/{architecture}");
    let template = json!({ "kind": "Template", "metadata": { "name": "of no interest" } });
    let layer = streams.iter().fold(Tar::new(), |tar, stream| {
        let name = &stream.name;
        let document = stream.json().to_string();
        tar.file(
            &format!("{home}/{name}/imagestreams/{name}-rhel.json"),
            document,
        )
        .file(
            &format!("{home}/{name}/templates/{name}-example.json"),
            template.to_string(),
        )
    });
    let base = Tar::new().file("usr/bin/cluster-samples-operator", "a program");
    Component::layers(
        "cluster-samples-operator",
        Format::Docker,
        "amd64",
        vec![base.gzip(), layer.gzip()],
    )
}
