//! Manifests: image manifests and indexes, of OCI and of Docker v2-2.
//!
//! The bytes are kept exactly as they came, beside a parsed view of what this registry acts upon.
//! Nothing ever writes a manifest anew: its digest is the digest of these bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::descriptor::{Descriptor, null_is_empty};
use super::digest::{Algorithm, Digest};
use super::error::InvalidManifest;
use super::json;
use super::media_type::MediaType;

/// The largest manifest taken, in bytes: clients read no more than 4 MiB, so a larger one could be
/// pushed and never pulled.
pub const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// A manifest: its bytes, and what they refer to.
#[derive(Debug, Clone)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
    subject: Option<Descriptor>,
    blobs: Vec<Descriptor>,
    children: Vec<Descriptor>,
}

/// The fields of both kinds at once, so that a document with both can be told and refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Manifests>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// The list of an index, which may be `null` but not absent.
struct Manifests(Vec<Descriptor>);

fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Manifests>, D::Error> {
    null_is_empty(deserializer).map(|list| Some(Manifests(list)))
}

impl Manifest {
    /// Reads a manifest whose `Content-Type` is `content_type` (parameters do not count); without one
    /// the document's own `mediaType` decides.
    ///
    /// Lists may be empty, unknown fields and unknown types of layers stay as they are.
    ///
    /// # Errors
    /// [`InvalidManifest`] says what is wrong, in words for the client.
    pub fn parse(content_type: Option<&str>, bytes: Bytes) -> Result<Self, InvalidManifest> {
        if bytes.len() > MAX_MANIFEST {
            return Err(InvalidManifest::Size {
                limit: MAX_MANIFEST,
            });
        }
        json::check(&bytes).map_err(malformed)?;
        let document: Document = serde_json::from_slice(&bytes).map_err(malformed)?;
        let media_type = agreed_type(content_type, document.media_type.as_deref())?;
        if !media_type.is_image() && !media_type.is_index() {
            return Err(InvalidManifest::Unsupported {
                media_type: media_type.to_string(),
            });
        }
        if document.schema_version != Some(2) {
            return Err(InvalidManifest::Version);
        }
        let has_image_fields = document.config.is_some() || document.layers.is_some();
        if has_image_fields && document.manifests.is_some() {
            return Err(InvalidManifest::Ambiguous);
        }
        let (blobs, children) = if media_type.is_image() {
            let config = document.config.ok_or_else(|| lacks("config"))?;
            let layers = document.layers.ok_or_else(|| lacks("layers"))?;
            (std::iter::once(config).chain(layers).collect(), Vec::new())
        } else {
            let Manifests(children) = document.manifests.ok_or_else(|| lacks("manifests"))?;
            (Vec::new(), children)
        };
        Ok(Self {
            bytes,
            media_type,
            artifact_type: document.artifact_type.filter(|text| !text.is_empty()),
            annotations: document.annotations,
            subject: document.subject,
            blobs,
            children,
        })
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What kind of document it is.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The digest of the bytes.
    pub fn digest(&self, algorithm: Algorithm) -> Digest {
        Digest::of(algorithm, &self.bytes)
    }

    /// The manifest that this one says something about.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// What a listing of referrers calls this manifest: its own artifact type, else, of an image, the
    /// type of its config (distribution-spec, "Listing Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        let config = || self.blobs.first().map(|config| config.media_type.as_str());
        self.artifact_type.as_deref().or_else(config)
    }

    /// Annotations, as they were.
    pub fn annotations(&self) -> Option<&BTreeMap<String, String>> {
        self.annotations.as_ref()
    }

    /// The config and the layers of an image, in the order of the document; none of an index.
    pub fn blobs(&self) -> &[Descriptor] {
        &self.blobs
    }

    /// The manifests of an index, in the order of the document; none of an image.
    pub fn children(&self) -> &[Descriptor] {
        &self.children
    }

    /// How a listing of referrers describes this manifest, which is stored as `digest`.
    pub fn referrer(&self, digest: Digest) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest,
            size: self.bytes.len() as u64,
            artifact_type: self.artifact_type().map(str::to_owned),
            annotations: self.annotations.clone(),
            urls: Vec::new(),
            platform: None,
        }
    }
}

/// Which type a document has: what the request says, what the document says, and both must agree.
fn agreed_type(header: Option<&str>, body: Option<&str>) -> Result<MediaType, InvalidManifest> {
    let parse = |text: &str| {
        let media_type = text.escape_debug().to_string();
        text.parse::<MediaType>()
            .map_err(|_| InvalidManifest::Unsupported { media_type })
    };
    let header = header
        .filter(|text| !text.trim().is_empty())
        .map(parse)
        .transpose()?;
    let body = body
        .filter(|text| !text.is_empty())
        .map(parse)
        .transpose()?;
    match (header, body) {
        (None, None) => Err(InvalidManifest::NoMediaType),
        (Some(header), Some(body)) if header != body => Err(InvalidManifest::MediaTypeMismatch {
            header: header.to_string(),
            body: body.to_string(),
        }),
        (Some(named), _) | (None, Some(named)) => Ok(named),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn malformed(error: serde_json::Error) -> InvalidManifest {
    InvalidManifest::Json {
        reason: error.to_string(),
    }
}

fn lacks(field: &str) -> InvalidManifest {
    InvalidManifest::Json {
        reason: format!("the field {field} is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;
    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    fn parse(content_type: Option<&str>, text: &str) -> Result<Manifest, InvalidManifest> {
        Manifest::parse(content_type, Bytes::from(text.to_owned()))
    }

    fn image(fields: &str) -> String {
        format!(r#"{{"schemaVersion":2,"config":{CONFIG},"layers":[]{fields}}}"#)
    }

    #[track_caller]
    fn refuses(content_type: Option<&str>, text: &str, because: &str) {
        let error = parse(content_type, text).expect_err(text).to_string();
        assert!(error.contains(because), "{error}");
    }

    #[test]
    fn an_image_keeps_its_bytes_and_names_its_blobs() {
        let text = image(r#","unknown":{"a":[1,2.5,null,true]}"#);
        let parsed = parse(Some(IMAGE), &text).expect("valid");
        assert_eq!(parsed.bytes().as_ref(), text.as_bytes());
        assert_eq!(parsed.blobs().len(), 1);
        assert!(parsed.children().is_empty());
        assert_eq!(
            parsed.artifact_type(),
            Some("application/vnd.oci.image.config.v1+json")
        );
    }

    #[test]
    fn an_index_may_be_empty_or_null() {
        for list in ["[]", "null"] {
            let text = format!(r#"{{"schemaVersion":2,"manifests":{list}}}"#);
            assert!(
                parse(Some(INDEX), &text)
                    .expect("valid")
                    .children()
                    .is_empty()
            );
        }
    }

    #[test]
    fn the_type_comes_from_the_header_or_the_document_and_both_agree() {
        let typed = image(&format!(r#","mediaType":"{IMAGE}""#));
        assert_eq!(
            parse(None, &typed).expect("valid").media_type(),
            &MediaType::OCI_MANIFEST
        );
        let with_parameter = format!("{IMAGE}; charset=utf-8");
        assert!(parse(Some(&with_parameter), &typed).is_ok());
        refuses(
            Some(MediaType::DOCKER_MANIFEST.as_str()),
            &typed,
            "the manifest says",
        );
        refuses(None, &image(""), "neither the Content-Type");
        refuses(Some("application/json"), &image(""), "not supported");
        refuses(Some("no\u{1b}type"), &image(""), "not supported");
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        refuses(Some(IMAGE), &image(r#","manifests":[]"#), "at once");
        refuses(Some(INDEX), &image(r#","manifests":[]"#), "at once");
        refuses(Some(IMAGE), &image(r#","layers":[]"#), "twice");
        refuses(
            Some(IMAGE),
            &image(r#","annotations":{"a":"1","a":"2"}"#),
            "twice",
        );
        refuses(Some(INDEX), &image(""), "missing");
        refuses(
            Some(IMAGE),
            r#"{"schemaVersion":2,"manifests":[]}"#,
            "missing",
        );
        refuses(Some(IMAGE), r#"{"schemaVersion":1}"#, "schemaVersion");
        refuses(Some(IMAGE), &"[".repeat(100_000), "JSON");
        refuses(Some(IMAGE), "", "JSON");
        refuses(Some(IMAGE), &image(r#","subject":{"digest":"x"}"#), "JSON");
    }

    #[test]
    fn a_key_in_another_case_is_refused_wherever_a_reader_could_take_it_for_one_of_ours() {
        for key in [
            "Annotations",
            "artifacttype",
            "CONFIG",
            "Layers",
            "layer\u{17f}",
            "\\u004cayers",
            "Manifests",
            "MediaType",
            "SchemaVersion",
            "Subject",
        ] {
            let text = image(&format!(r#","{key}":null"#));
            refuses(Some(IMAGE), &text, "only in case");
        }
        for key in ["ArtifactType", "Digest", "URLs", "Platform"] {
            let text = image("").replace(r#""size""#, &format!(r#""{key}":null,"size""#));
            refuses(Some(IMAGE), &text, "only in case");
        }
        let platform = r#"{"architecture":"arm","os":"linux","Variant":"v7"}"#;
        let child = CONFIG.replace(r#""size""#, &format!(r#""platform":{platform},"size""#));
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{child}]}}"#);
        refuses(Some(INDEX), &index, "only in case");

        for fields in [r#""a":1,"A":2"#, r#""x":[{"\u212a":1,"k":2}]"#] {
            refuses(Some(IMAGE), &image(&format!(",{fields}")), "twice");
        }
    }

    #[test]
    fn case_counts_in_annotations_and_no_name_is_ours_where_we_read_nothing() {
        let text = image(r#","annotations":{"a":"1","A":"2","Layers":"3"},"x":{"Layers":[]}"#);
        assert!(parse(Some(IMAGE), &text).is_ok());
    }

    #[test]
    fn a_manifest_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
        let frame = image(r#","annotations":{"a":""}"#);
        let padded = |length: usize| {
            let pad = "x".repeat(length - frame.len());
            image(&format!(r#","annotations":{{"a":"{pad}"}}"#))
        };
        assert!(parse(Some(IMAGE), &padded(MAX_MANIFEST)).is_ok());
        refuses(Some(IMAGE), &padded(MAX_MANIFEST + 1), "at most");
    }
}
