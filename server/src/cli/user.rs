//! `roadstead user`: accounts.
//!
//! Asks for passwords and hashes them here, so that none leaves this process.

use std::io;

use crate::admin::client::ask;
use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::report::{Report, User};
use crate::auth::password::{Password, PasswordHash};
use crate::cli::args::{Format, PasswordFrom, User as Words};
use crate::cli::{print, prompt};
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, command: Words) -> Result<(), Failure> {
    match command {
        Words::Add {
            name,
            password,
            admin,
        } => {
            let hash = new_password(password)?;
            ask(
                source,
                &Command::UserAdd {
                    name,
                    hash,
                    is_admin: admin,
                },
            )?;
            Ok(())
        }
        Words::List { format } => list(source, format),
        Words::Remove { name } => ask(source, &Command::UserRemove { name }).map(drop),
        Words::Password { name, password } => {
            let hash = new_password(password)?;
            ask(source, &Command::UserPassword { name, hash }).map(drop)
        }
    }
}

fn list(source: &Source, format: Format) -> Result<(), Failure> {
    let Report::Users(users) = ask(source, &Command::UserList)? else {
        return Err(Failure::other_report());
    };
    if format.json {
        return print::json(&users);
    }
    let role = |user: &User| match (user.admin, user.pull_only) {
        (true, _) => "admin",
        (false, true) => "pull only",
        (false, false) => "",
    };
    let row = |user: &User| [user.name.clone(), role(user).to_owned()];
    print::text(&print::table(
        &users.users.iter().map(row).collect::<Vec<_>>(),
    ))
}

/// What is kept of a new password: once from standard input, or twice from the terminal.
fn new_password(from: PasswordFrom) -> Result<PasswordHash, Failure> {
    const ATTEMPT: &str = "read the password";
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted => Failure::new(ATTEMPT).since("it was given up"),
        _ => {
            Failure::because(ATTEMPT, &error).hint("--password-stdin reads it from standard input")
        }
    };
    let text = if from.password_stdin {
        prompt::from_stdin().map_err(failed)?
    } else {
        let first = prompt::from_terminal("Password").map_err(failed)?;
        let second = prompt::from_terminal("Again").map_err(failed)?;
        if first != second {
            return Err(Failure::new(ATTEMPT).since("the two are not the same"));
        }
        first
    };
    let password =
        Password::new(text).map_err(|error| Failure::because("take the password", &error))?;
    password.hash().map_err(|error| Failure::of(&error))
}
