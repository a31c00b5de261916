//! `roadstead config`: the configuration, checked and shown.
//!
//! `check` reads the file as the next start would, whatever is running; `show` tells what counts now.

use std::path::PathBuf;

use serde::Serialize;

use crate::admin::client::ask_server;
use crate::admin::command::Command;
use crate::admin::failure::{Exit, Failure};
use crate::admin::report::{Report, ShownConfig};
use crate::cli::args::{Config, Format};
use crate::cli::print;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, command: &Config) -> Result<(), Failure> {
    match *command {
        Config::Check { format } => check(source, format),
        Config::Show { format } => show(source, format),
    }
}

/// What `config check` found in a configuration that can be used.
#[derive(Serialize)]
struct Checked {
    file: Option<PathBuf>,
    warnings: Vec<String>,
}

fn check(source: &Source, Format { json }: Format) -> Result<(), Failure> {
    let config = load(source)?;
    let checked = Checked {
        file: config.file,
        warnings: config.warnings,
    };
    if json {
        return print::json(&checked);
    }
    let mut lines: Vec<String> = checked
        .warnings
        .iter()
        .map(|warning| format!("warning: {warning}"))
        .collect();
    lines.push(match checked.file {
        Some(file) => format!("{} can be used", file.display()),
        None => "there is no configuration file; the defaults can be used".to_owned(),
    });
    print::text(&format!("{}\n", lines.join("\n")))
}

fn show(source: &Source, Format { json }: Format) -> Result<(), Failure> {
    let config = match ask_server(source, &Command::ConfigShow)? {
        Some(Report::Config(config)) => config,
        Some(_) => return Err(Failure::other_report()),
        None => {
            let mut config = load(source)?;
            config.address = config.public_address(&[]);
            ShownConfig::of(&config).map_err(|error| Failure::of(&error))?
        }
    };
    if json {
        print::json(&config.json)
    } else {
        print::text(&config.toml)
    }
}

fn load(source: &Source) -> Result<crate::config::Config, Failure> {
    source
        .load()
        .map_err(|error| Failure::of(&error).exit(Exit::Configuration))
}
