//! `roadstead mirror`: content from other registries.
//!
//! Owns what a command line of images means, as far as that can be told without the server. How what is
//! reported reads, and which exit code it has, is found out beside.

mod advice;
mod authfile;
mod list;
mod media;
mod release;
mod text;
mod verdict;

use roadstead_mirror::job::{InvalidSource, SourceRef};

use crate::admin::client::{ask, ask_watching};
use crate::admin::command::{Command, WantedJobs};
use crate::admin::failure::{Exit, Failure};
use crate::admin::report::Report;
use crate::admin::wanted::{Destination, Wanted};
use crate::cli::args::{Copying, Format, Image, Mirror};
use crate::cli::print;
use crate::cli::progress::Lines;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed, and of what was done in part, that it was.
pub(super) fn run(source: &Source, command: Mirror) -> Result<(), Failure> {
    match command {
        Mirror::Image(flags) => image(source, flags),
        Mirror::Import(flags) => media::import(source, &flags),
        Mirror::Export(flags) => media::export(source, flags),
        Mirror::Release(flags) => release::release(source, flags),
        Mirror::Samples(flags) => release::samples(source, flags),
        Mirror::Run {
            jobs: names,
            dry_run,
            format,
        } => {
            let jobs = WantedJobs { names, dry_run };
            match wait(source, &Command::MirrorRun { jobs })? {
                Report::Ran(ran) => {
                    if format.json {
                        print::json(&ran)?;
                    } else {
                        print::text(&text::ran(&ran))?;
                    }
                    verdict::jobs(&ran)
                }
                _ => Err(Failure::other_report()),
            }
        }
        Mirror::Status { format } => match ask(source, &Command::MirrorStatus)? {
            Report::Jobs(jobs) if format.json => print::json(&jobs),
            Report::Jobs(jobs) => print::text(&text::jobs(&jobs)),
            _ => Err(Failure::other_report()),
        },
    }
}

fn image(source: &Source, flags: Image) -> Result<(), Failure> {
    let Copying {
        authfile,
        dry_run,
        format,
    } = flags.copying;
    let (named, to) = named(&flags.images)?;
    let listed = match &flags.file {
        Some(file) => list::read(file)?,
        None => Vec::new(),
    };
    let auth = authfile::find(authfile.as_deref(), &source.environment)?;
    let command = Command::MirrorImage(Wanted {
        named,
        to,
        listed,
        platforms: flags.platforms,
        skip_missing: flags.skip_missing,
        dry_run,
        auth,
    });
    shown(wait(source, &command)?, format)
}

/// Shows what copying came to, or would, and how that ends.
fn shown(report: Report, format: Format) -> Result<(), Failure> {
    match report {
        Report::Planned(planned) => {
            if format.json {
                print::json(&planned)?;
            } else {
                print::text(&text::planned(&planned))?;
            }
            verdict::plan(&planned)
        }
        Report::Mirrored(mirrored) => {
            if format.json {
                print::json(&mirrored)?;
            } else {
                print::text(&text::mirrored(&mirrored))?;
            }
            verdict::copy(&mirrored)
        }
        _ => Err(Failure::other_report()),
    }
}

/// Asks for long work, and shows how far it has come.
fn wait(source: &Source, command: &Command) -> Result<Report, Failure> {
    let mut lines = Lines::new();
    ask_watching(source, command, &mut |told| lines.show(told))
}

/// The sources of a command line, and the destination if the last word is one. One that begins with
/// the address of this registry looks like a source; the server knows better.
fn named(words: &[String]) -> Result<(Vec<SourceRef>, Option<Destination>), Failure> {
    let refused = |word: &str, error: &InvalidSource| {
        let failure = Failure::because(format!("mirror {word}"), error).exit(Exit::Usage);
        match without_scheme(word) {
            Some(rest) => failure.hint(format!("write it without a scheme: {rest}")),
            None => failure,
        }
    };
    let mut sources = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let is_last = place > 0 && place + 1 == words.len();
        match word.parse::<SourceRef>() {
            Ok(source) => sources.push(source),
            Err(error @ InvalidSource::NoRegistry { .. }) if is_last => {
                let to = word.parse().map_err(|_| refused(word, &error))?;
                return Ok((sources, Some(to)));
            }
            Err(error) => return Err(refused(word, &error)),
        }
    }
    Ok((sources, None))
}

/// What follows the scheme of a URL, which people copy from a browser.
fn without_scheme(word: &str) -> Option<&str> {
    let mut schemes = ["https://", "http://"].into_iter();
    schemes.find_map(|scheme| word.strip_prefix(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], sources: usize, to: Option<&str>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let (named, destination) = named(&words).unwrap();
        assert_eq!(named.len(), sources, "{words:?}");
        assert_eq!(destination.map(|to| to.to_string()).as_deref(), to);
    }

    #[test]
    fn the_last_word_is_a_destination_when_it_names_no_registry() {
        check(&["quay.io/a"], 1, None);
        check(&["quay.io/a", "team/app:1"], 1, Some("team/app:1"));
        check(&["quay.io/a", "quay.io/b:>=1 <2", "app"], 2, Some("app"));
        // Only the server knows whether that is itself.
        check(&["quay.io/a", "reg.example.com:8443/a"], 2, None);
        check(&[], 0, None);
    }

    #[test]
    fn a_single_word_without_a_registry_is_wrong_usage() {
        for words in [&["nginx"][..], &["nginx", "quay.io/a"], &["quay.io/a", "A"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let failure = named(&words).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.because[0].contains("docker.io/"), "{failure:?}");
        }
    }

    #[test]
    fn a_url_is_told_how_it_is_written() {
        let failure = named(&["https://quay.io/a:1".to_owned()]).unwrap_err();
        let hint = "write it without a scheme: quay.io/a:1";
        assert_eq!(
            (failure.exit, failure.hint.as_deref()),
            (Exit::Usage, Some(hint))
        );
    }
}
