//! `roadstead store`: looking after the data.

use std::fmt::Write;

use crate::admin::client::{ask, ask_watching};
use crate::admin::command::Command;
use crate::admin::failure::{Exit, Failure};
use crate::admin::report::{Collected, Reindexed, Report, Scrubbed, StoreContent};
use crate::cli::args::Store;
use crate::cli::print;
use crate::cli::progress::Lines;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed; of a scrub, also that something is lost.
pub(super) fn run(source: &Source, command: &Store) -> Result<(), Failure> {
    match *command {
        Store::Stat { format } => match ask(source, &Command::StoreStat)? {
            Report::Store(content) if format.json => print::json(&content),
            Report::Store(content) => print::text(&content_text(&content)),
            _ => Err(Failure::other_report()),
        },
        Store::Gc { dry_run, format } => match wait(source, &Command::StoreGc { dry_run })? {
            Report::Collected(collected) if format.json => print::json(&collected),
            Report::Collected(collected) => print::text(&collected_text(&collected)),
            _ => Err(Failure::other_report()),
        },
        Store::Scrub { format } => match wait(source, &Command::StoreScrub)? {
            Report::Scrubbed(scrubbed) => {
                if format.json {
                    print::json(&scrubbed)?;
                } else {
                    print::text(&scrubbed_text(&scrubbed))?;
                }
                losses(&scrubbed)
            }
            _ => Err(Failure::other_report()),
        },
        Store::Reindex { format } => match wait(source, &Command::StoreReindex)? {
            Report::Reindexed(reindexed) if format.json => print::json(&reindexed),
            Report::Reindexed(Reindexed { repositories }) => {
                let row = ["repositories".to_owned(), repositories.to_string()];
                print::text(&print::table(&[row]))
            }
            _ => Err(Failure::other_report()),
        },
    }
}

/// Asks for long work, and shows how far it has come.
fn wait(source: &Source, command: &Command) -> Result<Report, Failure> {
    let mut lines = Lines::new();
    ask_watching(source, command, &mut |step| lines.show(step))
}

fn content_text(content: &StoreContent) -> String {
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

fn collected_text(collected: &Collected) -> String {
    let (removes, gives_up, frees) = if collected.dry_run {
        ("would remove", "would give up", "would free")
    } else {
        ("removed", "gave up", "frees")
    };
    let blobs = |number| print::count(number, "blob");
    let mut text = format!(
        "kept {} and {}\n{removes} {}\n",
        print::count(collected.kept_manifests, "manifest"),
        blobs(collected.kept_blobs),
        blobs(collected.removed_blobs),
    );
    if collected.young_blobs > 0 {
        let young = blobs(collected.young_blobs);
        let _ = writeln!(text, "left {young} that nothing needs yet");
    }
    if collected.removed_uploads > 0 {
        let uploads = print::count(collected.removed_uploads, "upload");
        let _ = writeln!(text, "{gives_up} {uploads}");
    }
    let size = print::size(collected.removed_bytes);
    let _ = writeln!(text, "{frees} {size} after storage.gc_grace");
    text
}

fn scrubbed_text(scrubbed: &Scrubbed) -> String {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut text = print::table(&[
        row("repositories", scrubbed.repositories.to_string()),
        row("tags", scrubbed.tags.to_string()),
        row("manifests", scrubbed.manifests.to_string()),
        row("blobs", scrubbed.blobs.to_string()),
        row("size", print::size(scrubbed.bytes)),
        row("uploads", scrubbed.uploads.to_string()),
        row("defects", scrubbed.defects.len().to_string()),
    ]);
    for defect in &scrubbed.defects {
        let _ = writeln!(text, "{}", defect.message);
        for affected in &defect.affects {
            let _ = writeln!(text, "  affects {affected}");
        }
    }
    text
}

/// The failure that losses are.
fn losses(scrubbed: &Scrubbed) -> Result<(), Failure> {
    if !scrubbed.has_losses {
        return Ok(());
    }
    let failure = Failure::new("find everything that was acknowledged");
    Err(failure
        .since("something is lost, the report says what")
        .hint("push it again; `roadstead store scrub` then finds it mended")
        .exit(Exit::Partly))
}
