//! The command's side: asks the running server, or does the work itself where none runs.
//!
//! Owns the choice between the two and the waiting for a store that another command holds. Knows
//! nothing of what commands do, nor of flags and printing.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::admin::call::{self, call, connect};
use crate::admin::command::Command;
use crate::admin::door::Question;
use crate::admin::failure::{Exit, Failure};
use crate::admin::files::Root;
use crate::admin::local::{self, Held};
use crate::admin::report::Report;
use crate::admin::watch::{Told, interrupted};
use crate::config::Source;

/// How long to wait for a store that somebody holds who does not listen: a server that is about to
/// listen, or another command.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Has `command` carried out on the registry that `source` names.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(crate) fn ask(source: &Source, command: &Command) -> Result<Report, Failure> {
    ask_watching(source, command, &mut |_| {})
}

/// As [`ask`], showing how far long work has come. Ctrl-C stops it.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(crate) fn ask_watching(
    source: &Source,
    command: &Command,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Report, Failure> {
    ask_for(source, command, None, show)
}

/// As [`ask_watching`], for a command that comes with files: those below `root`.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(crate) fn ask_with_files(
    source: &Source,
    command: &Command,
    root: &Root,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Report, Failure> {
    ask_for(source, command, Some(root), show)
}

fn ask_for(
    source: &Source,
    command: &Command,
    files: Option<&Root>,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Report, Failure> {
    let data = data(source)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(report) = over_socket(&data, source, command, files, show)? {
            return Ok(report);
        }
        match local::execute(&data, source, command, files, show) {
            Err(Held { failure }) if Instant::now() >= deadline => return Err(failure),
            Err(Held { .. }) => sleep(PAUSE),
            Ok(outcome) => return outcome,
        }
    }
}

/// Has `command` carried out by the running server; nothing when none runs.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(crate) fn ask_server(source: &Source, command: &Command) -> Result<Option<Report>, Failure> {
    over_socket(&data(source)?, source, command, None, &mut |_| {})
}

fn data(source: &Source) -> Result<PathBuf, Failure> {
    source
        .data()
        .map_err(|error| Failure::of(&error).exit(Exit::Configuration))
}

fn over_socket(
    data: &Path,
    source: &Source,
    command: &Command,
    files: Option<&Root>,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Option<Report>, Failure> {
    let failed = |error: &(dyn StdError + 'static)| {
        let failure =
            Failure::new(command.to_string()).since("the running server could not be asked");
        failure.with_causes(Some(error))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    runtime.block_on(async {
        let stream = match connect(data).await {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let hint = format!("run it as root, or as the owner of {}", data.display());
                return Err(failed(&error).hint(hint));
            }
            Err(error) => return Err(failed(&error)),
        };
        let question = Question {
            config: source.file.clone(),
            command: command.clone(),
        };
        let answer = tokio::select! {
            // In this order, so that there is an ear for Ctrl-C before there is work.
            biased;
            () = interrupted(command) => return Err(command.stopped()),
            answer = call(stream, &question, files, show) => answer,
        };
        match answer {
            Ok(outcome) => outcome.map(Some),
            Err(call::Error::Refused { status, said }) => {
                let failure = Failure::new(command.to_string()).since(said);
                Err(match status {
                    StatusCode::CONFLICT => failure.hint("use the version that the server has"),
                    _ => failure,
                })
            }
            Err(error) => Err(failed(&error)),
        }
    })
}
