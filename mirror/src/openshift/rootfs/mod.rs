//! Files of an image, read out of its layers.
//!
//! Layers are looked at from the top: the first that has a path, or hides it, decides. They are read as
//! little as that allows and never unpacked to a disk. Knows nothing of what stands in the files but
//! where a release has its documents.

mod archive;
mod gather;
mod path;
mod pax;
mod single;
#[cfg(test)]
mod tests;
mod unpack;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use roadstead_storage::oci::{Digest, Manifest, Reference};

use self::gather::{Wanted, gather};
pub use self::single::FileInfo;
use self::single::single;
use super::content::Content;
use super::error::ReadError;
use super::payload::Payload;

/// Where a release has its documents.
const DOCUMENTS: &str = "release-manifests";
/// What it consists of.
const IMAGE_REFERENCES: &str = "release-manifests/image-references";
/// What it says of itself.
const METADATA: &str = "release-manifests/release-metadata";
/// More files than are ever wanted at once.
const MANY: usize = 100_000;
/// Which image of a list is read if nothing else is said.
const DEFAULT_ARCHITECTURE: &str = "amd64";

/// What a release consists of, from the layers of its image.
///
/// # Errors
/// When a layer cannot be read, or it is no release.
///
/// # Cancel safety
/// Nothing is changed.
pub async fn payload_of(content: &Content, image: &Manifest) -> Result<Payload, ReadError> {
    let wanted = Wanted {
        below: DOCUMENTS.to_owned(),
        by_path: |path| path == IMAGE_REFERENCES || path == METADATA,
        most: 2,
    };
    let files = gather(content, image, wanted).await?;
    let references = files.get(IMAGE_REFERENCES);
    let references = references.ok_or_else(|| ReadError::NoFile {
        path: format!("/{IMAGE_REFERENCES}"),
    })?;
    let metadata = files.get(METADATA).map(Vec::as_slice);
    Ok(Payload::parse(references, metadata)?)
}

/// The files below a directory that are wanted, by their paths without a leading slash. Links are none.
///
/// # Errors
/// When a layer cannot be read, or they are too large.
///
/// # Cancel safety
/// Nothing is changed.
pub async fn files_below(
    content: &Content,
    image: &Manifest,
    dir: &str,
    is_wanted: fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, ReadError> {
    let wanted = Wanted {
        below: dir.trim_matches('/').to_owned(),
        by_path: is_wanted,
        most: MANY,
    };
    gather(content, image, wanted).await
}

/// Hands one file to `sink`, piece by piece; links are followed.
///
/// # Errors
/// When there is none, or its layer is wrong: then what was handed on is worth nothing.
///
/// # Cancel safety
/// Nothing is changed.
pub async fn file<F, T>(
    content: &Content,
    image: &Manifest,
    path: &str,
    sink: F,
) -> Result<FileInfo, ReadError>
where
    F: FnMut(Bytes) -> T + Send,
    T: Future<Output = io::Result<()>> + Send,
{
    single(content, image, path, sink).await
}

/// The image that is meant: of a list the one for `linux/<architecture>` (amd64 if nothing is said), or
/// the first if there is no such; an image stands for itself.
///
/// # Errors
/// When it is missing, or the list is empty.
///
/// # Cancel safety
/// Nothing is changed.
pub async fn image_of(
    content: &Content,
    digest: Digest,
    manifest: Arc<Manifest>,
    architecture: Option<&str>,
) -> Result<(Digest, Arc<Manifest>), ReadError> {
    if !manifest.media_type().is_index() {
        return Ok((digest, manifest));
    }
    let wanted = architecture.unwrap_or(DEFAULT_ARCHITECTURE);
    let children = manifest.children();
    let chosen = children.iter().find(|child| {
        let platform = child.platform.as_ref();
        platform.is_some_and(|it| it.os == "linux" && it.architecture == wanted)
    });
    let chosen = match (chosen, architecture) {
        // Another one than was asked for would not do.
        (None, Some(_)) => None,
        (chosen, _) => chosen.or(children.first()),
    };
    let digest = chosen.ok_or(ReadError::NotAnImage)?.digest;
    let found = content.manifest(&Reference::Digest(digest)).await?;
    let (digest, image) = found.ok_or(ReadError::Missing { digest })?;
    if image.media_type().is_index() {
        return Err(ReadError::NotAnImage);
    }
    Ok((digest, image))
}
