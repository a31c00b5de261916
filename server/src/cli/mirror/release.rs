//! `roadstead mirror release` and `mirror samples`: what there is only in `OpenShift`.
//!
//! Owns what their command lines mean, as far as that can be told without the server, and reads the
//! files that they name.

use std::fs;
use std::path::Path;

use roadstead_mirror::openshift::{InvalidRelease, ReleaseRef};

use crate::admin::command::Command;
use crate::admin::failure::{Exit, Failure};
use crate::admin::report::Report;
use crate::admin::wanted::{SamplesOf, WantedRelease, WantedSamples, WantedStreams};
use crate::cli::args::{Copying, FromRelease, MirrorRelease, MirrorSamples};
use crate::cli::mirror::{advice, authfile, shown, text, wait};
use crate::cli::print;
use crate::cli::trust_files;
use crate::config::Source;

/// The largest config map that is read, in bytes; a cluster takes none that is larger.
const MAX_CONFIG_MAP: u64 = 1024 * 1024;

/// Copies a release.
///
/// # Errors
/// Says what was attempted and why it failed, and of what was done in part, that it was.
pub(super) fn release(source: &Source, flags: MirrorRelease) -> Result<(), Failure> {
    let Copying {
        authfile,
        dry_run,
        format,
    } = flags.copying;
    let command = Command::MirrorRelease(Box::new(WantedRelease {
        release: named(&flags.release, &flags.from)?,
        to: flags.to,
        trust: trust(&flags.from)?,
        dry_run,
        auth: authfile::find(authfile.as_deref(), &source.environment)?,
    }));
    shown(ask(source, &command)?, format)
}

/// Copies samples, or lists them.
///
/// # Errors
/// As [`release`].
pub(super) fn samples(source: &Source, flags: MirrorSamples) -> Result<(), Failure> {
    let Copying {
        authfile,
        dry_run,
        format,
    } = flags.copying;
    let listed_by = match (&flags.configmap, &flags.release) {
        (Some(file), _) => SamplesOf::ConfigMap {
            text: config_map(file)?,
        },
        (None, release) => SamplesOf::Release {
            release: of_samples(release.as_deref().unwrap_or_default(), &flags.from)?,
            arch: flags.from.arch,
            trust: trust(&flags.from)?,
        },
    };
    let streams = match (flags.all, flags.streams.is_empty()) {
        (true, _) => WantedStreams::All,
        (false, true) => WantedStreams::None,
        (false, false) => WantedStreams::Named(flags.streams),
    };
    let command = Command::MirrorSamples(Box::new(WantedSamples {
        listed_by,
        streams,
        to: flags.to,
        dry_run,
        auth: authfile::find(authfile.as_deref(), &source.environment)?,
    }));
    match ask(source, &command)? {
        Report::Streams(streams) if format.json => print::json(&streams),
        Report::Streams(streams) => print::text(&text::streams(&streams.streams)),
        report => shown(report, format),
    }
}

/// Asks for it; what keeps a release from being found is told with what mends that.
fn ask(source: &Source, command: &Command) -> Result<Report, Failure> {
    wait(source, command).map_err(|failure| {
        let reason = failure.because.join(": ");
        match advice::on(std::iter::once(reason.as_str())).as_slice() {
            [advice] if failure.hint.is_none() => failure.hint(*advice),
            _ => failure,
        }
    })
}

/// The release whose samples are wanted: one for several architectures has those of each.
fn of_samples(text: &str, flags: &FromRelease) -> Result<ReleaseRef, Failure> {
    let source = flags.from.clone().unwrap_or_default();
    match ReleaseRef::parse(text, &source, flags.arch) {
        Err(InvalidRelease::OtherArch { .. }) => ReleaseRef::parse(text, &source, None),
        parsed => parsed,
    }
    .map_err(|error| refused(text, &error))
}

fn named(text: &str, flags: &FromRelease) -> Result<ReleaseRef, Failure> {
    let source = flags.from.clone().unwrap_or_default();
    ReleaseRef::parse(text, &source, flags.arch).map_err(|error| refused(text, &error))
}

fn refused(text: &str, error: &InvalidRelease) -> Failure {
    let failure = Failure::because(format!("mirror the release {text}"), error);
    let failure = failure.exit(Exit::Usage);
    match error {
        InvalidRelease::NotOne => failure.hint("add the tag: REGISTRY/PATH:4.18.7-x86_64"),
        _ => failure,
    }
}

fn trust(flags: &FromRelease) -> Result<crate::admin::release::trust::GivenTrust, Failure> {
    trust_files::read(&flags.keys, &flags.stores, flags.allow_unsigned)
}

fn config_map(file: &Path) -> Result<String, Failure> {
    let attempt = || format!("read the config map {}", file.display());
    let size = fs::metadata(file).map(|metadata| metadata.len());
    let size = size.map_err(|error| Failure::because(attempt(), &error))?;
    if size > MAX_CONFIG_MAP {
        let because = format!("it has {size} bytes, and no config map has more than 1 MiB");
        return Err(Failure::new(attempt()).since(because));
    }
    fs::read_to_string(file).map_err(|error| Failure::because(attempt(), &error))
}

#[cfg(test)]
mod tests {
    use roadstead_mirror::openshift::Arch;

    use super::*;

    fn flags(arch: Arch) -> FromRelease {
        FromRelease {
            from: None,
            arch: Some(arch),
            keys: Vec::new(),
            stores: Vec::new(),
            allow_unsigned: false,
        }
    }

    #[test]
    fn samples_for_an_architecture_are_those_of_a_release_for_several_too() {
        let flags = flags(Arch::Aarch64);
        let multi = of_samples("4.18.7-multi", &flags).unwrap();
        assert!(multi.to_string().ends_with(":4.18.7-multi"), "{multi}");
        let bare = of_samples("4.18.7", &flags).unwrap();
        assert!(bare.to_string().ends_with(":4.18.7-aarch64"), "{bare}");
        let mistaken = named("4.18.7-multi", &flags).unwrap_err();
        assert_eq!(mistaken.exit, Exit::Usage);
        assert_eq!(of_samples("a b", &flags).unwrap_err().exit, Exit::Usage);
    }
}
