//! Media types: of manifests (which this registry must understand) and of all else (which it keeps).

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::InvalidMediaType;

/// RFC 6838, 4.2: type and subtype have at most 127 characters each.
const MAX_HALF: usize = 127;

/// A media type without parameters, such as `application/vnd.oci.image.manifest.v1+json`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// A Docker list of manifests.
    pub const DOCKER_LIST: Self =
        Self::known("application/vnd.docker.distribution.manifest.list.v2+json");
    /// A Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: Self =
        Self::known("application/vnd.docker.distribution.manifest.v2+json");
    /// An OCI index.
    pub const OCI_INDEX: Self = Self::known("application/vnd.oci.image.index.v1+json");
    /// An OCI image manifest.
    pub const OCI_MANIFEST: Self = Self::known("application/vnd.oci.image.manifest.v1+json");

    const fn known(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether documents of this type list manifests.
    pub fn is_index(&self) -> bool {
        *self == Self::OCI_INDEX || *self == Self::DOCKER_LIST
    }

    /// Whether documents of this type list a config and layers.
    pub fn is_image(&self) -> bool {
        *self == Self::OCI_MANIFEST || *self == Self::DOCKER_MANIFEST
    }

    /// Whether layers of this type may lie elsewhere for good, so that a registry need not hold them
    /// (image-spec, layer.md, "Non-Distributable Layers"; Docker's foreign layers).
    pub fn is_foreign_layer(&self) -> bool {
        self.0
            .starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || self.0 == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }
}

impl Display for MediaType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.0.into_owned()
    }
}

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    /// Parameters (`; charset=utf-8`) are dropped: a stored type has none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let essence = text
            .split_once(';')
            .map_or(text, |(essence, _)| essence)
            .trim();
        let (kind, subtype) = essence.split_once('/').ok_or(InvalidMediaType)?;
        if !is_half(kind) || !is_half(subtype) {
            return Err(InvalidMediaType);
        }
        Ok(Self(Cow::Owned(essence.to_ascii_lowercase())))
    }
}

impl TryFrom<String> for MediaType {
    type Error = InvalidMediaType;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

fn is_half(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_HALF
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'!' | b'#' | b'$' | b'&' | b'-' | b'^' | b'_' | b'.' | b'+'
                )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_do_not_count() {
        let parsed: MediaType = "Application/VND.oci.image.index.v1+json; charset=utf-8"
            .parse()
            .expect("valid");
        assert_eq!(parsed, MediaType::OCI_INDEX);
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for text in [
            "",
            "/",
            "a",
            "a/",
            "/b",
            "a/b/c",
            "a /b",
            "a/b\r\nx: y",
            "a/é",
        ] {
            assert!(text.parse::<MediaType>().is_err(), "{text:?}");
        }
    }
}
