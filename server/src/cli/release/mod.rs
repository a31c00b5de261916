//! `roadstead release`: the releases that are held.
//!
//! Owns what their commands mean as far as it can be told here, and how they end. How what is told reads is
//! found out in [`text`], what becomes of a program in [`program`].

mod program;
mod text;

use crate::admin::client::{ask, ask_watching, ask_with_files};
use crate::admin::command::Command;
use crate::admin::failure::{Exit, Failure};
use crate::admin::files::Root;
use crate::admin::release::WantedTool;
use crate::admin::report::{Report, VerifiedRelease};
use crate::cli::args::{Extract, Release, Verify};
use crate::cli::print;
use crate::cli::progress::Lines;
use crate::cli::trust_files;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed; of what was verified, also what is wrong with it.
pub(super) fn run(source: &Source, command: Release) -> Result<(), Failure> {
    match command {
        Release::List { format } => match ask(source, &Command::ReleaseList)? {
            Report::Releases(list) if format.json => print::json(&list),
            Report::Releases(list) => print::text(&text::list(&list)),
            _ => Err(Failure::other_report()),
        },
        Release::Info { wanted, format } => {
            let release = wanted.release;
            match ask(source, &Command::ReleaseInfo { release })? {
                Report::Release(shown) if format.json => print::json(&shown.info),
                Report::Release(shown) => print::text(&text::info(&shown)),
                _ => Err(Failure::other_report()),
            }
        }
        Release::Verify(flags) => verify(source, flags),
        Release::Extract(flags) => extract(source, flags),
        Release::Remove {
            wanted,
            dry_run,
            format,
        } => {
            let release = wanted.release;
            match ask(source, &Command::ReleaseRemove { release, dry_run })? {
                Report::RemovedRelease(removed) if format.json => print::json(&removed),
                Report::RemovedRelease(removed) => print::text(&text::removed(&removed)),
                _ => Err(Failure::other_report()),
            }
        }
    }
}

fn verify(source: &Source, flags: Verify) -> Result<(), Failure> {
    let command = Command::ReleaseVerify {
        release: flags.wanted.release,
        trust: trust_files::read(&flags.release_keys, &[], flags.allow_unsigned)?,
    };
    let attempt = command.to_string();
    let mut lines = Lines::new();
    let report = ask_watching(source, &command, &mut |told| lines.show(told))?;
    let Report::Verified(verified) = report else {
        return Err(Failure::other_report());
    };
    if flags.format.json {
        print::json(&verified)?;
    } else {
        print::text(&text::verified(&verified))?;
    }
    verdict(attempt, &verified, flags.allow_unsigned)
}

/// How a verification ends.
fn verdict(attempt: String, verified: &VerifiedRelease, unsigned: bool) -> Result<(), Failure> {
    let failure = Failure::new(attempt);
    if !verified.whole {
        return Err(failure
            .since("something of it is missing or damaged, the report says what")
            .hint("mirror it again: what is there is not fetched twice")
            .exit(Exit::Partly));
    }
    if verified.signed || unsigned {
        return Ok(());
    }
    let cause = if verified.useless_signatures.is_empty() {
        "no signature of it is held"
    } else {
        "none of its signatures is by a key that is trusted"
    };
    Err(failure
        .since(cause)
        .hint("--release-key names a key to trust, --allow-unsigned does without"))
}

fn extract(source: &Source, flags: Extract) -> Result<(), Failure> {
    let command = Command::ReleaseExtract(WantedTool {
        release: flags.wanted.release,
        tool: flags.command,
        system: flags.os.into_iter().collect(),
        from_source: flags.source,
    });
    let attempt = command.to_string();
    let to = flags.to;
    let root = Root::make(&to).map_err(|error| {
        let failure = Failure::new(&attempt).since(format!("open the directory {}", to.display()));
        failure.since(error.to_string())
    })?;
    let mut lines = Lines::new();
    let report = ask_with_files(source, &command, &root, &mut |told| lines.show(told))?;
    let Report::Extracted(tool) = report else {
        return Err(Failure::other_report());
    };
    let finished = program::finish(&to, &tool);
    let finished = finished.map_err(|error| {
        let failure = Failure::because(&attempt, &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    if flags.format.json {
        print::json(&finished)
    } else {
        print::text(&text::finished(&finished))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(whole: bool, signed: bool) -> VerifiedRelease {
        VerifiedRelease {
            image: "openshift/release-images:4.18.7-x86_64".to_owned(),
            digest: format!("sha256:{}", "0".repeat(64)).parse().unwrap(),
            whole,
            signed,
            images: Vec::new(),
            signatures: Vec::new(),
            useless_signatures: Vec::new(),
            bytes: 0,
        }
    }

    #[test]
    fn what_is_not_whole_ends_with_2_and_what_is_not_signed_with_1() {
        let end = |whole, signed, unsigned| {
            let ended = verdict("verify".to_owned(), &verified(whole, signed), unsigned);
            ended.map_err(|failure| failure.exit.code())
        };
        assert_eq!(end(true, true, false), Ok(()));
        assert_eq!(end(true, false, true), Ok(()));
        assert_eq!(end(true, false, false), Err(1));
        for (signed, unsigned) in [(true, false), (false, false), (false, true)] {
            assert_eq!(end(false, signed, unsigned), Err(2));
        }
    }
}
