//! `cluster pull-secret`: a login for nodes, among those that they have for other registries.
//!
//! Chooses the password and hashes it here, so that none leaves this process but on standard output.
//! Invariant: the old password is good until there is a pull secret with the new one to print.

use std::fs;
use std::io::{Write as _, stderr};
use std::path::Path;

use crate::admin::client::ask;
use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::report::Report;
use crate::auth::password::Password;
use crate::cli::address::asked_or_known;
use crate::cli::args::cluster::PullSecret as Wanted;
use crate::cli::print;
use crate::cluster::pull_secret::{InvalidPullSecret, PullSecret};
use crate::config::Source;

const ATTEMPT: &str = "make a pull secret";

/// Carries it out.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, wanted: Wanted) -> Result<(), Failure> {
    let mut secret = match &wanted.merge {
        None => PullSecret::empty(),
        Some(file) => read(file)?,
    };
    let Report::Trust(known) = ask(source, &Command::CaTrust)? else {
        return Err(Failure::other_report());
    };
    let addresses = asked_or_known(wanted.address, known.address.as_ref(), ATTEMPT)?;
    let password = Password::random();
    let password = password.map_err(|error| Failure::because(ATTEMPT, &error))?;
    let hash = password.hash().map_err(|error| Failure::of(&error))?;
    for address in &addresses {
        secret.put(address, &wanted.user, &password);
    }
    let name = wanted.user.clone();
    let Report::PullAccount(account) = ask(source, &Command::ClusterAccount { name, hash })? else {
        return Err(Failure::other_report());
    };
    print::text(&secret.text())?;
    if account.was_there {
        // Where it cannot be said, the pull secret is still right.
        let _ = writeln!(
            stderr(),
            "note: {} had another password, which is no longer good; clusters that have it need this \
             pull secret",
            wanted.user
        );
    }
    Ok(())
}

fn read(file: &Path) -> Result<PullSecret, Failure> {
    let attempt = || format!("read the pull secret in {}", file.display());
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| Failure::because(attempt(), &error))?;
    PullSecret::parse(&text).map_err(|error| {
        let failure = Failure::because(attempt(), &error);
        match error {
            InvalidPullSecret::Empty => failure.hint(
                "a shell empties a file that the output goes to before it is read: write to another",
            ),
            InvalidPullSecret::Json { .. } | InvalidPullSecret::NoLogins => failure,
        }
    })
}
