//! What is remembered of a release that was mirrored, and that its content does not say.
//!
//! Owns how that is written, one note for each release image. A note may be missing, and one that cannot
//! be read counts as missing: whatever stands in it can be guessed.

use roadstead_storage::oci::{Digest, RepoName};
use roadstead_storage::{Error, Store};
use serde::{Deserialize, Serialize};

use crate::openshift::layout::Layout;
use crate::openshift::reference::ReleaseSource;

/// Under which subject the store keeps these notes.
const SUBJECT: &str = "releases";

/// Where a release came from, and where it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The repository upstream.
    pub from: ReleaseSource,
    /// Where its images lie here.
    pub layout: Layout,
}

#[derive(Serialize, Deserialize)]
struct Record {
    from: String,
    repository: String,
    components: String,
}

impl Note {
    /// What is remembered of this release image.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn read(store: &Store, image: Digest) -> Result<Option<Self>, Error> {
        let bytes = store.note(SUBJECT, &image.hex()).await?;
        Ok(bytes.and_then(|bytes| Self::parse(&bytes)))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let record: Record = serde_json::from_slice(bytes).ok()?;
        let name = |text: String| text.parse::<RepoName>().ok();
        Some(Self {
            from: record.from.parse().ok()?,
            layout: Layout {
                images: name(record.repository)?,
                components: name(record.components)?,
            },
        })
    }

    /// Remembers it, in place of what was remembered before.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn keep(&self, store: &Store, image: Digest) -> Result<(), Error> {
        let record = Record {
            from: self.from.to_string(),
            repository: self.layout.images.to_string(),
            components: self.layout.components.to_string(),
        };
        let bytes = serde_json::to_vec(&record).expect("three texts make a document");
        store.keep_note(SUBJECT, &image.hex(), bytes).await
    }

    /// Forgets what is remembered of this release image.
    ///
    /// # Errors
    /// The file system's.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn forget(store: &Store, image: Digest) -> Result<(), Error> {
        store.forget_note(SUBJECT, &image.hex()).await
    }
}
