//! The words and flags of `roadstead mirror import` and `mirror export`.

use std::path::PathBuf;

use clap::Args as Group;

use crate::admin::command::RepoTarget;
use crate::cli::args::format::Format;

/// Flags of `mirror import`.
#[derive(Debug, Group)]
pub(in crate::cli) struct MediaImport {
    /// Where the images lie: what `oc adm release mirror --to-dir`, `oc image mirror --dir` or `mirror
    /// export` wrote
    #[arg(value_name = "DIR")]
    pub(in crate::cli) dir: PathBuf,
    /// Only say what would be copied, and how much that is
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) format: Format,
}

/// Flags of `mirror export`.
#[derive(Debug, Group)]
pub(in crate::cli) struct MediaExport {
    /// Where to write; made if it is missing, and only added to if it is not
    #[arg(value_name = "DIR")]
    pub(in crate::cli) dir: PathBuf,
    /// What to write: a repository, NAME:TAG or NAME@DIGEST with what belongs to it, or a release as
    /// 4.18.7-x86_64 with its components [default: all]
    #[arg(value_name = "REF")]
    pub(in crate::cli) targets: Vec<RepoTarget>,
    /// Only say what would be written, and how much that is
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) format: Format,
}
