//! `roadstead store`: looking after the data.

use crate::admin::client::ask;
use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::report::{Report, StoreContent};
use crate::cli::args::{Format, Store};
use crate::cli::print;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, command: &Store) -> Result<(), Failure> {
    let Store::Stat {
        format: Format { json },
    } = *command;
    let Report::Store(content) = ask(source, &Command::StoreStat)? else {
        return Err(Failure::other_report());
    };
    if json {
        print::json(&content)
    } else {
        print::text(&text(&content))
    }
}

fn text(content: &StoreContent) -> String {
    let row = |name: &str, value: String| [name.to_owned(), value];
    print::table(&[
        row("repositories", content.repositories.to_string()),
        row("tags", content.tags.to_string()),
        row("manifests", content.manifests.to_string()),
        row("blobs", content.blobs.to_string()),
        row("size", print::size(content.blob_bytes)),
        row("uploads", content.uploads.to_string()),
    ])
}
