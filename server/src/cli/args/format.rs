//! The one flag that every command has which reports something.

use clap::Args as Group;

/// Whether a script is reading.
#[derive(Debug, Clone, Copy, Group)]
pub(in crate::cli) struct Format {
    /// Print one JSON document
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
