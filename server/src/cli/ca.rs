//! `roadstead ca`: the certificate authority and what it issues.
//!
//! Writes the files that the command line asks for; the keys of the registry itself never come here.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::admin::client::ask;
use crate::admin::command::Command;
use crate::admin::failure::{Exit, Failure};
use crate::admin::report::{Certificate, Certificates, Report};
use crate::cli::address::{asked_or_known, no_key};
use crate::cli::args::{Ca, Export, Format, TrustFormat};
use crate::cli::file::{self, Readers};
use crate::cli::print;
use crate::cluster::trust;
use crate::config::Source;

/// Where `--format certs.d` writes unless `--to` says otherwise.
const CERTS_DIRECTORY: &str = "certs.d";

const ATTEMPT: &str = "export the certificate authority";

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, command: Ca) -> Result<(), Failure> {
    match command {
        Ca::Show { format } => describe(source, &Command::CaShow, format),
        Ca::Export(export) => self::export(source, export),
        Ca::Renew { format } => describe(source, &Command::CaRenew, format),
        Ca::Rotate { format } => describe(source, &Command::CaRotate, format),
        Ca::Issue { names, to, format } => {
            // A wildcard's star and an address' colons would be awkward in the name of a file.
            let stem = names[0].to_string().replace('*', "_").replace(':', "-");
            let issue = Command::CaIssue {
                names: names.into_iter().collect(),
            };
            let Report::Issued(issued) = ask(source, &issue)? else {
                return Err(Failure::other_report());
            };
            let key = file::write(&to, &format!("{stem}.key"), &issued.key, Readers::Owner)?;
            let certificate =
                file::write(&to, &format!("{stem}.crt"), &issued.chain, Readers::All)?;
            print_files(&Files { certificate, key }, format)
        }
    }
}

/// What `ca issue` wrote.
#[derive(Serialize)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

fn print_files(files: &Files, format: Format) -> Result<(), Failure> {
    if format.json {
        return print::json(files);
    }
    print::text(&format!(
        "{}\n{}\n",
        files.certificate.display(),
        files.key.display()
    ))
}

fn describe(source: &Source, command: &Command, format: Format) -> Result<(), Failure> {
    let Report::Certificates(certificates) = ask(source, command)? else {
        return Err(Failure::other_report());
    };
    if format.json {
        return print::json(&certificates);
    }
    print::text(&paragraphs(&certificates))
}

fn paragraphs(certificates: &Certificates) -> String {
    let mut text = paragraph("CA", &certificates.authority, "");
    if let Some(previous) = &certificates.previous_authority {
        text.push_str(&paragraph("previous CA", previous, " (trusted besides)"));
    }
    if let Some(server) = &certificates.server {
        let note = match (&server.renewal, server.own) {
            (_, true) => " (the administrator's own)".to_owned(),
            (Some(renewal), false) => format!(" (renewed {renewal})"),
            (None, false) => String::new(),
        };
        text.push_str(&paragraph("server", &server.certificate, &note));
    }
    text
}

fn paragraph(title: &str, certificate: &Certificate, note: &str) -> String {
    let row = |name: &str, value: &str| [format!("  {name}"), value.to_owned()];
    let mut rows = vec![
        row("subject", &certificate.subject),
        row(
            "valid",
            &format!("{} to {}", certificate.not_before, certificate.not_after),
        ),
        row("SHA-256", &certificate.fingerprint),
    ];
    if !certificate.names.is_empty() {
        rows.push(row("names", &certificate.names.join(" ")));
    }
    format!("{title}{note}\n{}", print::table(&rows))
}

fn export(source: &Source, export: Export) -> Result<(), Failure> {
    if export.to.is_some() && export.format != TrustFormat::CertsDirectory {
        let failure = Failure::new(ATTEMPT);
        let cause = "--to is for --format certs.d; the other formats go to standard output";
        return Err(failure.since(cause).exit(Exit::Usage));
    }
    let Report::Trust(trusted) = ask(source, &Command::CaTrust)? else {
        return Err(Failure::other_report());
    };
    match export.format {
        TrustFormat::Pem => print::text(&trusted.pem),
        TrustFormat::InstallConfig => print::text(&trust::install_config(&trusted.pem)),
        TrustFormat::ConfigMap => {
            let addresses = asked_or_known(export.address, trusted.address.as_ref(), ATTEMPT)?;
            let written = trust::config_map(&trusted.pem, &addresses)
                .map_err(|address| no_key(address, ATTEMPT))?;
            print::text(&written)
        }
        TrustFormat::CertsDirectory => {
            let to = export.to.unwrap_or_else(|| CERTS_DIRECTORY.into());
            for address in asked_or_known(export.address, trusted.address.as_ref(), ATTEMPT)? {
                let directory = to.join(address.to_string());
                let file = file::write(&directory, "ca.crt", &trusted.pem, Readers::All)?;
                print::text(&format!("{}\n", Path::new(&file).display()))?;
            }
            Ok(())
        }
    }
}
