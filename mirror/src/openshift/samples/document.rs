//! Image streams as files have them, as far as they are looked at.
//!
//! Owns their shape.

use serde::Deserialize;

/// What a tag is of when it is of an image; else it is another name of a tag.
const IMAGE: &str = "DockerImage";

/// A document of some kind; only streams, and lists of such, say something here.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    items: Vec<Self>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    docker_image_repository: Option<String>,
    tags: Option<Vec<Tag>>,
}

#[derive(Debug, Deserialize)]
struct Tag {
    from: Option<From>,
}

#[derive(Debug, Deserialize)]
struct From {
    kind: String,
    #[serde(default)]
    name: String,
}

impl Document {
    /// Each stream with each image that it needs; with nothing, if it needs none.
    pub(super) fn images(self) -> Box<dyn Iterator<Item = (String, Option<String>)>> {
        match self.kind.as_str() {
            "ImageStream" => {
                let name = self.metadata.name;
                let tags = self.spec.tags.unwrap_or_default().into_iter();
                let of_tags = tags
                    .filter_map(|tag| tag.from)
                    .filter(|from| from.kind == IMAGE)
                    .map(|from| from.name);
                let repository = self.spec.docker_image_repository.into_iter();
                let images = repository.chain(of_tags).filter(|image| !image.is_empty());
                let images: Vec<_> = images.map(Some).collect();
                let images = if images.is_empty() {
                    vec![None]
                } else {
                    images
                };
                Box::new(images.into_iter().map(move |image| (name.clone(), image)))
            }
            "List" => Box::new(self.items.into_iter().flat_map(Self::images)),
            _ => Box::new(std::iter::empty()),
        }
    }
}
