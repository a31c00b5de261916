//! What a release says of itself: `image-references` and `release-metadata`, read.
//!
//! Pure. Invariant: every component is named once, by a digest, and its name can stand in a tag.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use roadstead_storage::oci::Tag;
use serde_json::Value;
use thiserror::Error;

use self::document::{ImageStream, Metadata};
use super::pullspec::{InvalidPullspec, Pullspec};

/// More components than any release has.
const MAX_COMPONENTS: usize = 5000;
/// What `from` says of an image; other kinds are no images.
const IMAGE: &str = "DockerImage";

/// What a release consists of, and what it says of itself.
#[derive(Debug, Clone)]
pub struct Payload {
    name: String,
    version: String,
    components: Vec<Component>,
    image_references: Value,
    metadata: Option<Value>,
}

/// A component of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    name: String,
    image: Pullspec,
    annotations: BTreeMap<String, String>,
}

impl Payload {
    /// Reads both documents; the second may be missing.
    ///
    /// # Errors
    /// When they are not what releases have.
    pub fn parse(
        image_references: &[u8],
        release_metadata: Option<&[u8]>,
    ) -> Result<Self, InvalidPayload> {
        let image_references: Value = parse("image-references", image_references)?;
        let stream: ImageStream = typed("image-references", &image_references)?;
        if (stream.kind.as_str(), stream.api_version.as_str()) != document::IMAGE_STREAM {
            return Err(InvalidPayload::OtherKind {
                document: "image-references",
            });
        }
        let metadata = release_metadata.map(|text| parse("release-metadata", text));
        let metadata = metadata.transpose()?;
        let version = match &metadata {
            None => None,
            Some(value) => {
                let metadata: Metadata = typed("release-metadata", value)?;
                if metadata.kind != document::METADATA {
                    return Err(InvalidPayload::OtherKind {
                        document: "release-metadata",
                    });
                }
                Some(metadata.version)
            }
        };
        let name = stream.metadata.name.clone();
        let version = version.unwrap_or_else(|| name.clone());
        for text in [&name, &version] {
            is_version(text)?;
        }
        Ok(Self {
            components: components(stream, &name)?,
            name,
            version,
            image_references,
            metadata,
        })
    }

    /// What it is called in tags.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its components, in the order in which they are listed.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The component of this name.
    pub fn component(&self, name: &str) -> Option<&Component> {
        let mut components = self.components.iter();
        components.find(|component| component.name == name)
    }

    /// Where its components are: `registry/repository`, each once.
    pub fn sources(&self) -> BTreeSet<String> {
        let components = self.components.iter();
        components
            .map(|component| component.image.source())
            .collect()
    }

    /// The document `image-references`.
    pub fn image_references(&self) -> &Value {
        &self.image_references
    }

    /// The document `release-metadata`, if there is one.
    pub fn metadata(&self) -> Option<&Value> {
        self.metadata.as_ref()
    }
}

impl Component {
    /// Its name: `cli`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its image.
    pub fn image(&self) -> &Pullspec {
        &self.image
    }

    /// What is said of how it was built.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }
}

fn components(stream: ImageStream, release: &str) -> Result<Vec<Component>, InvalidPayload> {
    if stream.spec.tags.len() > MAX_COMPONENTS {
        let most = MAX_COMPONENTS;
        return Err(InvalidPayload::TooMany { most });
    }
    let mut names = BTreeSet::new();
    let mut components = Vec::new();
    for tag in stream.spec.tags {
        let Some(from) = tag.from.filter(|from| from.kind == IMAGE) else {
            continue;
        };
        let name = tag.name;
        // As it stands behind the version and the longest architecture.
        let as_tag = format!("{release}-aarch64-{name}").parse::<Tag>();
        if name.is_empty() || as_tag.is_err() || !names.insert(name.clone()) {
            return Err(InvalidPayload::Name { name });
        }
        let image = from.name.parse();
        let image = image.map_err(|source| InvalidPayload::Image {
            name: name.clone(),
            source,
        })?;
        components.push(Component {
            name,
            image,
            annotations: tag.annotations.unwrap_or_default(),
        });
    }
    if components.is_empty() {
        return Err(InvalidPayload::Empty);
    }
    Ok(components)
}

/// Whether something can be the version in a tag.
fn is_version(text: &str) -> Result<(), InvalidPayload> {
    let as_tag = format!("{text}-aarch64").parse::<Tag>();
    if text.is_empty() || as_tag.is_err() {
        return Err(InvalidPayload::Version {
            version: text.to_owned(),
        });
    }
    Ok(())
}

fn parse(document: &'static str, text: &[u8]) -> Result<Value, InvalidPayload> {
    serde_json::from_slice(text).map_err(|source| InvalidPayload::Json { document, source })
}

fn typed<'de, T: serde::Deserialize<'de>>(
    document: &'static str,
    value: &'de Value,
) -> Result<T, InvalidPayload> {
    T::deserialize(value).map_err(|source| InvalidPayload::Json { document, source })
}

/// What a release says of itself makes no sense.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidPayload {
    /// It names no component.
    #[error("it has no components")]
    Empty,
    /// A component is not named by a digest.
    #[error("the component {name} is not named by a digest")]
    Image {
        /// Which.
        name: String,
        /// What is wrong with it.
        #[source]
        source: InvalidPullspec,
    },
    /// It is not the JSON that it should be.
    #[error("read {document}")]
    Json {
        /// Which document.
        document: &'static str,
        /// Where it went wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A component's name cannot stand in a tag, or another component has it.
    #[error("the component {name:?} has no name of its own that a tag could have")]
    Name {
        /// The name.
        name: String,
    },
    /// It is a document of another kind.
    #[error("{document} is a document of another kind")]
    OtherKind {
        /// Which document.
        document: &'static str,
    },
    /// It has more components than any release.
    #[error("it has more than {most} components")]
    TooMany {
        /// How many are believed.
        most: usize,
    },
    /// Its version cannot stand in a tag.
    #[error("its version {version:?} cannot stand in a tag")]
    Version {
        /// The version.
        version: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn tag(name: &str, image: &str) -> Value {
        json!({ "name": name, "from": { "kind": "DockerImage", "name": image },
            "annotations": { "io.openshift.build.commit.id": "abc" } })
    }

    fn references(tags: &[Value]) -> Value {
        json!({ "kind": "ImageStream", "apiVersion": "image.openshift.io/v1",
            "metadata": { "name": "4.18.7" }, "spec": { "tags": tags } })
    }

    fn metadata(version: &str) -> Value {
        json!({ "kind": "cincinnati-metadata-v0", "version": version, "previous": ["4.18.6"] })
    }

    fn read(references: &Value, metadata: Option<&Value>) -> Result<Payload, InvalidPayload> {
        let metadata = metadata.map(ToString::to_string);
        let metadata = metadata.as_ref().map(String::as_bytes);
        Payload::parse(references.to_string().as_bytes(), metadata)
    }

    #[track_caller]
    fn refuses(references: &Value, metadata: Option<&Value>, because: &str) {
        let refused = read(references, metadata).unwrap_err().to_string();
        assert!(refused.contains(because), "{refused}");
    }

    #[test]
    fn components_are_images_by_digest_and_other_kinds_are_none() {
        let image = format!("quay.io/a/b@{DIGEST}");
        let alias = json!({ "name": "alias", "from": { "kind": "ImageStreamTag", "name": "cli" } });
        let bare = json!({ "name": "bare" });
        let tags = [tag("cli", &image), alias, bare, tag("pod", &image)];
        let payload = read(&references(&tags), Some(&metadata("4.18.8"))).unwrap();
        assert_eq!((payload.name(), payload.version()), ("4.18.7", "4.18.8"));
        let names = payload.components().iter().map(Component::name);
        assert_eq!(names.collect::<Vec<_>>(), ["cli", "pod"]);
        assert_eq!(payload.component("pod").unwrap().image().to_string(), image);
        assert_eq!(
            payload.sources(),
            BTreeSet::from(["quay.io/a/b".to_owned()])
        );
        assert_eq!(payload.components()[0].annotations().len(), 1);
        assert_eq!(read(&references(&tags), None).unwrap().version(), "4.18.7");
    }

    #[test]
    fn a_component_by_tag_without_a_name_or_twice_is_refused() {
        let image = format!("quay.io/a/b@{DIGEST}");
        let named = format!("quay.io/a/b:1@{DIGEST}");
        for wrong in ["quay.io/a/b:1", &named, "", "a/b"] {
            refuses(
                &references(&[tag("cli", wrong)]),
                None,
                "not named by a digest",
            );
        }
        let twice = [tag("cli", &image), tag("cli", &image)];
        refuses(&references(&twice), None, "has no name of its own");
        refuses(&references(&[]), None, "no components");
        for wrong in ["", "a/b", "../x", &"a".repeat(130)] {
            refuses(
                &references(&[tag(wrong, &image)]),
                None,
                "has no name of its own",
            );
        }
        let many = vec![json!({ "name": "x" }); MAX_COMPONENTS + 1];
        refuses(&references(&many), None, "more than 5000");
    }

    #[test]
    fn other_documents_and_versions_that_no_tag_can_have_are_refused() {
        let image = format!("quay.io/a/b@{DIGEST}");
        let whole = references(&[tag("cli", &image)]);
        let mut other = whole.clone();
        other["kind"] = "List".into();
        refuses(&other, None, "another kind");
        let mut other = whole.clone();
        other["apiVersion"] = "v1".into();
        refuses(&other, None, "another kind");
        let mut other = metadata("4.18.7");
        other["kind"] = "x".into();
        refuses(&whole, Some(&other), "another kind");
        refuses(
            &references(&[]),
            Some(&metadata("4/18")),
            "cannot stand in a tag",
        );
        refuses(
            &references(&[]),
            Some(&metadata("")),
            "cannot stand in a tag",
        );
        refuses(&json!([]), None, "read image-references");
        assert!(Payload::parse(b"{", None).is_err());
    }
}
