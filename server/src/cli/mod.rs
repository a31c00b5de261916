//! The command line of the program: words in, an exit code out.
//!
//! Owns the dispatch to one file per command, and how a failure is told: what was attempted, why, and
//! what to do next. Exit codes: 0 done, 1 failed, 2 done in part, 64 wrong usage, 78 wrong
//! configuration.

mod address;
mod args;
mod ca;
mod cluster;
mod config;
mod file;
mod mirror;
mod print;
mod progress;
mod prompt;
mod release;
mod repo;
mod serve;
mod store;
mod trust_files;
mod user;

use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use std::process::ExitCode;

use clap::Parser;
use roadstead_certs::provider;

use crate::admin::failure::{Exit, Failure};
use crate::cli::args::{Args, Command};
use crate::config::environment::Environment;

/// Carries out the command line of this process.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(answer) => {
            // Help and version are answers too; where they cannot be printed, nothing can.
            let _ = answer.print();
            let is_usage = answer.use_stderr();
            return ExitCode::from(if is_usage { Exit::Usage.code() } else { 0 });
        }
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = stderr().write_all(text(&failure).as_bytes());
            ExitCode::from(failure.exit.code())
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    provider::install();
    let source = args.place.source(Environment::read());
    match args.command {
        Command::Serve(flags) => serve::run(source, flags),
        Command::User(command) => user::run(&source, command),
        Command::Ca(command) => ca::run(&source, command),
        Command::Mirror(command) => mirror::run(&source, command),
        Command::Cluster(command) => cluster::run(&source, command),
        Command::Release(command) => release::run(&source, command),
        Command::Repo(command) => repo::run(&source, command),
        Command::Store(command) => store::run(&source, &command),
        Command::Config(command) => config::run(&source, &command),
    }
}

/// The lines that a person reads.
fn text(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", failure.attempt);
    for cause in &failure.because {
        let _ = writeln!(text, "  because: {cause}");
    }
    if let Some(hint) = &failure.hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_three_kinds_of_lines() {
        let failure = Failure::new("add the user ann")
            .since("there is one")
            .hint("look");
        let expected = "error: add the user ann\n  because: there is one\n  hint: look\n";
        assert_eq!(text(&failure), expected);
    }
}
