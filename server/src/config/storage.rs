//! The `[storage]` section: what is kept, and how long.
//!
//! Owns the section's grammar and defaults, and hands the store what it is opened with. Knows nothing
//! of files. Invariant: the patterns it holds are ones the store understands.

use roadstead_storage::{Clock, ImmutableTags};
use serde::{Deserialize, Serialize};

use crate::config::invalid::{Invalid, parse};
use crate::config::unit::{Share, Size, Span};

/// The `[storage]` section, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StorageConfig {
    /// Above this, trim what pull-through cached, then refuse pushes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_size: Option<Size>,
    /// What must stay free on the file system.
    pub(crate) keep_free: Share,
    /// Whether anything may be deleted over the API.
    pub(crate) delete: bool,
    /// Tags that are set once.
    pub(crate) immutable_tags: TagPatterns,
    /// How often unreferenced content is collected.
    pub(crate) gc_every: Span,
    /// How old unreferenced content is when it may go.
    pub(crate) gc_grace: Span,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            max_size: None,
            keep_free: Share::Percent(5),
            delete: true,
            immutable_tags: TagPatterns::default(),
            gc_every: Span::seconds(24 * 60 * 60),
            gc_grace: Span::seconds(60 * 60),
        }
    }
}

impl StorageConfig {
    /// What the store is opened with, at `data`.
    pub(crate) fn store(&self, data: &std::path::Path, clock: Clock) -> roadstead_storage::Config {
        roadstead_storage::Config {
            root: data.to_owned(),
            delete: self.delete,
            immutable_tags: self.immutable_tags.parsed.clone(),
            gc_grace: self.gc_grace.duration(),
            max_size: self.max_size.map(Size::bytes),
            keep_free: self.keep_free.kept_free(),
            clock,
        }
    }
}

/// Patterns of tags, `repository:tag`, as written and as the store reads them.
#[derive(Debug, Clone, Default)]
pub(crate) struct TagPatterns {
    written: Vec<String>,
    parsed: ImmutableTags,
}

impl PartialEq for TagPatterns {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for TagPatterns {}

impl Serialize for TagPatterns {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

/// The `[storage]` section, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawStorage {
    max_size: Option<String>,
    keep_free: Option<String>,
    delete: Option<bool>,
    immutable_tags: Vec<String>,
    gc_every: Option<String>,
    gc_grace: Option<String>,
}

impl TryFrom<RawStorage> for StorageConfig {
    type Error = Invalid;

    fn try_from(raw: RawStorage) -> Result<Self, Self::Error> {
        let default = Self::default();
        let span = |key, text: Option<String>, default| match text {
            Some(text) => parse(key, &text),
            None => Ok(default),
        };
        let written = raw.immutable_tags;
        let parsed = ImmutableTags::parse(written.iter().map(String::as_str))
            .map_err(|problem| Invalid::new("storage.immutable_tags", problem))?;
        Ok(Self {
            max_size: raw
                .max_size
                .map(|text| parse("storage.max_size", &text))
                .transpose()?,
            keep_free: match raw.keep_free {
                Some(text) => parse("storage.keep_free", &text)?,
                None => default.keep_free,
            },
            delete: raw.delete.unwrap_or(default.delete),
            immutable_tags: TagPatterns { written, parsed },
            gc_every: span("storage.gc_every", raw.gc_every, default.gc_every)?,
            gc_grace: span("storage.gc_grace", raw.gc_grace, default.gc_grace)?,
        })
    }
}
