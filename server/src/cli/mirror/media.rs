//! `roadstead mirror import` and `mirror export`: images on media.
//!
//! Opens the directory that the command line names, by the caller's rights, and shows what became of it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use roadstead_mirror::media::{ExportOutcome, ExportReport, Refused};

use super::{text, verdict};
use crate::admin::client::ask_with_files;
use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::files::Root;
use crate::admin::report::Report;
use crate::cli::args::{MediaExport, MediaImport};
use crate::cli::print;
use crate::cli::progress::Lines;
use crate::config::Source;

/// Brings images from a directory.
///
/// # Errors
/// Says what was attempted and why it failed, and of what was done in part, that it was.
pub(super) fn import(source: &Source, flags: &MediaImport) -> Result<(), Failure> {
    let command = Command::MirrorImport {
        dir: flags.dir.display().to_string(),
        dry_run: flags.dry_run,
    };
    let root = Root::open(&flags.dir).map_err(|error| unopened(&flags.dir, &error))?;
    let json = flags.format.json;
    match wait(source, &command, &root)? {
        Report::PlannedImport(planned) => {
            if json {
                print::json(&planned)?;
            } else {
                let (plan, refused) = (&planned.import.plan, &planned.import.refused);
                let told = text::plan(plan);
                print::text(&format!("{}{told}", refused_text(refused)))?;
            }
            verdict::planned_import(&planned)
        }
        Report::Imported(imported) => {
            if json {
                print::json(&imported)?;
            } else {
                let import = &imported.import;
                let mut told = refused_text(&import.refused);
                told.push_str(&text::outcome(&import.outcome));
                signatures(&mut told, "kept", import.signatures);
                print::text(&told)?;
            }
            verdict::import(&imported)
        }
        _ => Err(Failure::other_report()),
    }
}

/// Writes images to a directory.
///
/// # Errors
/// Says what was attempted and why it failed, and of what was done in part, that it was.
pub(super) fn export(source: &Source, flags: MediaExport) -> Result<(), Failure> {
    let is_new = !flags.dir.exists();
    let root = Root::make(&flags.dir).map_err(|error| unopened(&flags.dir, &error))?;
    let (dir, json) = (flags.dir, flags.format.json);
    let command = Command::MirrorExport {
        dir: dir.display().to_string(),
        targets: flags.targets,
        dry_run: flags.dry_run,
    };
    let told = wait(source, &command, &root);
    if is_new && (flags.dry_run || told.is_err()) {
        // It goes if nothing was written into it.
        let _ = fs::remove_dir(&dir);
    }
    match told? {
        Report::PlannedExport(planned) => {
            if json {
                print::json(&planned)?;
            } else {
                print::text(&planned_text(&planned.export))?;
            }
            verdict::planned_export(&planned)
        }
        Report::Exported(exported) => {
            if json {
                print::json(&exported)?;
            } else {
                print::text(&exported_text(&exported.export))?;
            }
            verdict::export(&exported)
        }
        _ => Err(Failure::other_report()),
    }
}

/// Asks for long work on the files below `root`, and shows how far it has come.
fn wait(source: &Source, command: &Command, root: &Root) -> Result<Report, Failure> {
    let mut lines = Lines::new();
    ask_with_files(source, command, root, &mut |told| lines.show(told))
}

fn unopened(dir: &Path, error: &io::Error) -> Failure {
    Failure::because(format!("open the directory {}", dir.display()), error)
}

fn refused_text(refused: &[Refused]) -> String {
    let mut text = String::new();
    for refused in refused {
        let _ = writeln!(text, "passed over {}: {}", refused.path, refused.because);
    }
    text
}

fn planned_text(planned: &ExportReport) -> String {
    let mut text = text::plan(&planned.plan);
    let room = print::size(planned.room);
    let _ = writeln!(text, "there is room for {room}");
    text
}

fn exported_text(exported: &ExportOutcome) -> String {
    let mut text = String::new();
    for warning in &exported.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text.push_str(&text::outcome(&exported.outcome));
    signatures(&mut text, "wrote", exported.signatures);
    text
}

fn signatures(text: &mut String, done: &str, number: u64) {
    if number > 0 {
        let signatures = print::count(number, "signature");
        let _ = writeln!(text, "{done} {signatures}");
    }
}
