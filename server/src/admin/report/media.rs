//! What is told of images on media.
//!
//! Plans and outcomes are told as the mirror crate has them. Invariant: an import that passed something
//! over is not called done.

use roadstead_mirror::media::{ExportOutcome, ExportReport, ImportOutcome, ImportReport};
use serde::{Deserialize, Serialize};

use super::mirror::end;
use crate::jobs::record::Ended;

/// What an export came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Exported {
    /// How it ended.
    pub(crate) result: Ended,
    /// What became of it.
    #[serde(flatten)]
    pub(crate) export: ExportOutcome,
}

/// What an import came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// How it ended.
    pub(crate) result: Ended,
    /// What became of it.
    #[serde(flatten)]
    pub(crate) import: ImportOutcome,
}

/// What an export would come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedExport {
    /// That nothing was written.
    pub(crate) dry_run: bool,
    /// What would be.
    #[serde(flatten)]
    pub(crate) export: ExportReport,
}

/// What an import would come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedImport {
    /// That nothing was copied.
    pub(crate) dry_run: bool,
    /// What would be.
    #[serde(flatten)]
    pub(crate) import: ImportReport,
}

impl From<ExportOutcome> for Exported {
    fn from(export: ExportOutcome) -> Self {
        let result = Ended::of(&export.outcome);
        Self { result, export }
    }
}

impl From<ImportOutcome> for Imported {
    fn from(import: ImportOutcome) -> Self {
        let result = match Ended::of(&import.outcome) {
            Ended::Done if !import.refused.is_empty() => Ended::Partly,
            result => result,
        };
        Self { result, import }
    }
}

impl PlannedExport {
    /// How carrying it out would end, as far as that can be told.
    pub(crate) fn end(&self) -> Ended {
        end(&self.export.plan)
    }
}

impl PlannedImport {
    /// How carrying it out would end, as far as that can be told.
    pub(crate) fn end(&self) -> Ended {
        match end(&self.import.plan) {
            Ended::Done if !self.import.refused.is_empty() => Ended::Partly,
            result => result,
        }
    }
}
