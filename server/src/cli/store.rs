//! `roadstead store`: looking after the data.

use std::fmt::Write;
use std::path::Path;

use crate::admin::client::{ask, ask_watching};
use crate::admin::command::Command;
use crate::admin::failure::{Exit, Failure};
use crate::admin::place::Place;
use crate::admin::report::{BackedUp, Collected, Reindexed, Report, Scrubbed, StoreContent};
use crate::cli::args::{Format, Store};
use crate::cli::print;
use crate::cli::progress::Lines;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed; of a scrub, also that something is lost, and of a backup
/// that something is missing.
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
        Store::Backup { ref dir, format } => back_up(source, dir, format),
    }
}

fn back_up(source: &Source, dir: &Path, format: Format) -> Result<(), Failure> {
    let place = Place::seen(dir).map_err(|error| {
        let failure = Failure::because(format!("look at {}", dir.display()), &error);
        failure.hint("DIR itself is made, what it lies in has to be there")
    })?;
    let dir = place.dir().to_owned();
    match wait(source, &Command::StoreBackup { place })? {
        Report::BackedUp(done) => {
            if format.json {
                print::json(&done)?;
            } else {
                print::text(&backed_up_text(&done, &dir))?;
            }
            gaps(&done)
        }
        _ => Err(Failure::other_report()),
    }
}

/// Asks for long work, and shows how far it has come.
fn wait(source: &Source, command: &Command) -> Result<Report, Failure> {
    let mut lines = Lines::new();
    ask_watching(source, command, &mut |step| lines.show(step))
}

fn content_text(content: &StoreContent) -> String {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let space = &content.space;
    let limit = space
        .max_size
        .map_or_else(|| "no limit".to_owned(), print::size);
    print::table(&[
        row("repositories", content.repositories.to_string()),
        row("tags", content.tags.to_string()),
        row("manifests", content.manifests.to_string()),
        row("blobs", content.blobs.to_string()),
        row("size", print::size(content.blob_bytes)),
        row("uploads", content.uploads.to_string()),
        row("may take", limit),
        row("disk free", print::size(space.free)),
        row("kept free", print::size(space.keep_free)),
    ])
}

fn backed_up_text(done: &BackedUp, dir: &Path) -> String {
    let mut text = String::new();
    for path in &done.damaged {
        let _ = writeln!(text, "{path} is damaged or missing");
    }
    let blobs = |number| print::count(number, "blob");
    let (copied, size) = (blobs(done.copied_blobs), print::size(done.copied_bytes));
    let _ = writeln!(
        text,
        "copied {copied} ({size}), removed {}",
        blobs(done.removed_blobs)
    );
    let holds = [(done.tags, "tag"), (done.manifests, "manifest")];
    let holds = holds.map(|(number, noun)| print::count(number, noun));
    let repositories = match done.repositories {
        1 => "1 repository".to_owned(),
        number => format!("{number} repositories"),
    };
    let (holds, all) = (holds.join(", "), blobs(done.blobs));
    let _ = writeln!(
        text,
        "{} holds {repositories}, {holds}, {all}",
        dir.display()
    );
    text
}

/// The failure that a copy is where something is missing.
fn gaps(done: &BackedUp) -> Result<(), Failure> {
    if done.is_complete {
        return Ok(());
    }
    let failure = Failure::new("copy everything that was acknowledged");
    Err(failure
        .since("the store is damaged, the report says where; all else is copied")
        .hint("`roadstead store scrub` says what it affects, and an earlier backup may have it")
        .exit(Exit::Partly))
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
