//! Sample image streams: which images each needs, and where a cluster will look for them here.
//!
//! Pure but for reading an image's files. Invariant: an image is named by a tag, as samples name theirs;
//! none is by digest.

mod config_map;
mod document;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use roadstead_storage::oci::Manifest;
use thiserror::Error;

pub use self::config_map::InvalidConfigMap;
use self::document::Document;
pub use self::place::{InvalidPlace, place, rewrite};
use super::arch::Arch;
use super::content::Content;
use super::error::ReadError;
use super::rootfs::files_below;

/// Where the operator's image has them, one directory for each architecture.
const DIRECTORY: &str = "opt/openshift/operator";
/// More images than any release has samples of.
const MAX_IMAGES: usize = 10_000;

/// Streams of samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streams(BTreeMap<String, BTreeSet<String>>);

impl Streams {
    /// Reads those for an architecture from the image of the operator that has them.
    ///
    /// # Errors
    /// When the image cannot be read, or has none.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn of_operator(
        content: &Content,
        image: &Manifest,
        arch: Arch,
    ) -> Result<Self, InvalidSamples> {
        let arch = match arch {
            // There is no set for all of them.
            Arch::Multi => Arch::X86_64,
            arch => arch,
        };
        let dir = format!("{DIRECTORY}/{arch}");
        let files = files_below(content, image, &dir, is_stream).await?;
        let mut streams = Self::default();
        for (path, text) in &files {
            let document: Document = serde_json::from_slice(text).map_err(|source| {
                let path = path.clone();
                InvalidSamples::Json { path, source }
            })?;
            for (stream, image) in document.images() {
                streams.add(stream, image)?;
            }
        }
        if streams.0.is_empty() {
            return Err(InvalidSamples::None { dir });
        }
        Ok(streams)
    }

    /// Reads those of a cluster's config map `imagestreamtag-to-image`, YAML or JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_config_map(text: &str) -> Result<Self, InvalidSamples> {
        let mut streams = Self::default();
        for (stream, image) in config_map::images(text)? {
            streams.add(stream, image)?;
        }
        Ok(streams)
    }

    fn add(&mut self, stream: String, image: Option<String>) -> Result<(), InvalidSamples> {
        let images = self.0.entry(stream).or_default();
        images.extend(image);
        let all: usize = self.0.values().map(BTreeSet::len).sum();
        if all > MAX_IMAGES {
            return Err(InvalidSamples::TooMany { most: MAX_IMAGES });
        }
        Ok(())
    }

    /// Their names, and the images that each needs, as it names them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        let streams = self.0.iter();
        streams.map(|(name, images)| (name.as_str(), images))
    }

    /// The images that a stream needs.
    pub fn of(&self, stream: &str) -> Option<&BTreeSet<String>> {
        self.0.get(stream)
    }

    /// All images, each once.
    pub fn images(&self) -> BTreeSet<&str> {
        let images = self.0.values().flatten();
        images.map(String::as_str).collect()
    }
}

fn is_stream(path: &str) -> bool {
    let is_json = path
        .rsplit_once('.')
        .is_some_and(|(_, kind)| kind == "json");
    is_json && path.contains("/imagestreams/")
}

/// There are no samples to speak of.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidSamples {
    /// The config map is none.
    #[error(transparent)]
    ConfigMap(#[from] InvalidConfigMap),
    /// A stream is not what it should be.
    #[error("read the image stream {path}")]
    Json {
        /// Which file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The image has none.
    #[error("the image has no image streams below /{dir}")]
    None {
        /// Where they were looked for.
        dir: String,
    },
    /// The image cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There are more images than anybody has.
    #[error("they need more than {most} images")]
    TooMany {
        /// How many are believed.
        most: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(document: &str) -> Vec<(String, Option<String>)> {
        let document: Document = serde_json::from_str(document).unwrap();
        document.images().collect()
    }

    #[test]
    fn a_stream_needs_the_images_of_its_tags_and_no_other_names_of_these() {
        let document = r#"{ "kind": "ImageStream", "metadata": { "name": "ruby" }, "spec": {
            "dockerImageRepository": "registry.redhat.io/a/ruby",
            "tags": [
                { "name": "3.0", "from": { "kind": "DockerImage", "name": "registry.redhat.io/a/b:1" } },
                { "name": "3.1", "from": { "kind": "DockerImage", "name": "registry.redhat.io/a/b" } },
                { "name": "latest", "from": { "kind": "ImageStreamTag", "name": "3.0" } },
                { "name": "empty" }
            ] } }"#;
        let expected = [
            "registry.redhat.io/a/ruby",
            "registry.redhat.io/a/b:1",
            "registry.redhat.io/a/b",
        ];
        let expected = expected.map(|image| ("ruby".to_owned(), Some(image.to_owned())));
        assert_eq!(images(document), expected);
        // A stream of nothing is one all the same, and complete.
        let empty = r#"{ "kind": "ImageStream", "metadata": { "name": "x" }, "spec": {} }"#;
        assert_eq!(images(empty), [("x".to_owned(), None)]);
        let list = format!(r#"{{ "kind": "List", "items": [{empty}, {document}] }}"#);
        assert_eq!(images(&list).len(), 4);
        assert!(images(r#"{ "kind": "Template", "metadata": { "name": "t" } }"#).is_empty());
    }

    #[test]
    fn a_config_map_names_a_stream_and_a_tag_in_each_key() {
        let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: imagestreamtag-to-image\n\
            data:\n  ruby_3.0-ubi8: registry.redhat.io/a/ruby:1\n  \
            ruby_latest_x: registry.redhat.io/a/ruby:2\n  httpd_2.4: quay.io/b/httpd\n";
        let streams = Streams::of_config_map(yaml).unwrap();
        assert_eq!(streams.of("ruby").unwrap().len(), 2);
        assert_eq!(streams.images().len(), 3);
        let json = r#"{"kind": "ConfigMap", "data": {"httpd_2.4": "quay.io/b/httpd"}}"#;
        assert_eq!(Streams::of_config_map(json).unwrap().iter().count(), 1);
        for wrong in ["", "kind: Secret", "kind: ConfigMap", "{", "data: {a: b}"] {
            Streams::of_config_map(wrong).unwrap_err();
        }
        let no_stream = r#"{"kind": "ConfigMap", "data": {"httpd": "quay.io/b/httpd"}}"#;
        Streams::of_config_map(no_stream).unwrap_err();
    }
}
