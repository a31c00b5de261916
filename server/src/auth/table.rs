//! The accounts, as the lines of an htpasswd file.
//!
//! Owns the file's grammar: `name:hash`, `name:hash:admin` for administrators, `name:hash:pull` for who
//! may only pull, comments and empty lines, which a change leaves where they are. Pure: files are `auth/users.rs`'s. Invariant: no two
//! lines name the same account, and every hash can be verified.

use std::fmt::{self, Display, Formatter};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::auth::name::{InvalidUserName, UserName};
use crate::auth::password::{InvalidHash, PasswordHash};
use crate::auth::role::Role;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Who.
    pub(crate) name: UserName,
    /// What the password is checked against.
    pub(crate) hash: PasswordHash,
    /// What it is for.
    pub(crate) role: Role,
}

impl Account {
    /// Names this state of the account. It changes with the password and with the rights, so that
    /// what was derived from another state (a token, a remembered login) is no longer good.
    pub(crate) fn generation(&self) -> Generation {
        // 128 bits of a hash over a line that holds a random salt: nothing can be learned from it.
        let hash = digest(&SHA256, self.to_string().as_bytes());
        Generation(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]))
    }
}

impl Display for Account {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.hash.as_str())?;
        match self.role.word() {
            Some(word) => write!(f, ":{word}"),
            None => Ok(()),
        }
    }
}

/// An account in the state that it is in, and the name of that state: requests ask for it all the time.
#[derive(Debug)]
pub(crate) struct Known {
    /// The account.
    pub(crate) account: Account,
    /// Of this state of it.
    pub(crate) generation: Generation,
}

impl From<Account> for Known {
    fn from(account: Account) -> Self {
        let generation = account.generation();
        Self {
            account,
            generation,
        }
    }
}

/// A state of an account, between two changes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation(String);

impl Generation {
    /// As bytes, to be hashed with something else.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// All accounts, with what else stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Account(Account),
    /// A comment, or nothing.
    Other(String),
}

impl Table {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Names the first line that is not understood; a file is taken whole or not at all.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidTable> {
        let mut table = Self::default();
        for (place, line) in text.lines().enumerate() {
            let invalid = |problem| InvalidTable {
                line: place + 1,
                problem,
            };
            if line.trim().is_empty() || line.starts_with('#') {
                table.lines.push(Line::Other(line.to_owned()));
                continue;
            }
            let account = parse_account(line).map_err(invalid)?;
            if table.find(&account.name).is_some() {
                return Err(invalid(Problem::Twice));
            }
            table.lines.push(Line::Account(account));
        }
        Ok(table)
    }

    /// The accounts, in the order of the file.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.lines.iter().filter_map(|line| match line {
            Line::Account(account) => Some(account),
            Line::Other(_) => None,
        })
    }

    /// The account of that name. A walk over a few hundred lines is nothing beside a request.
    pub(crate) fn find(&self, name: &UserName) -> Option<&Account> {
        self.accounts().find(|account| account.name == *name)
    }

    /// Puts the account in the place of the one with its name, or at the end.
    pub(crate) fn set(&mut self, account: Account) {
        let of_that_name =
            |line: &&mut Line| matches!(line, Line::Account(other) if other.name == account.name);
        match self.lines.iter_mut().find(of_that_name) {
            Some(line) => *line = Line::Account(account),
            None => self.lines.push(Line::Account(account)),
        }
    }

    /// Takes the account of that name away, if there is one.
    pub(crate) fn remove(&mut self, name: &UserName) {
        self.lines
            .retain(|line| !matches!(line, Line::Account(account) if account.name == *name));
    }
}

/// As the text of a file.
impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| match line {
            Line::Account(account) => writeln!(f, "{account}"),
            Line::Other(text) => writeln!(f, "{text}"),
        })
    }
}

fn parse_account(line: &str) -> Result<Account, Problem> {
    let mut fields = line.trim_end().split(':');
    let name = fields.next().unwrap_or_default();
    let name = name.parse().map_err(|source| Problem::Name { source })?;
    let hash = fields.next().unwrap_or_default();
    let hash = hash.parse().map_err(|source| Problem::Hash { source })?;
    let role = Role::of_word(fields.next()).ok_or(Problem::Role)?;
    match fields.next() {
        None => Ok(Account { name, hash, role }),
        Some(_) => Err(Problem::Role),
    }
}

/// A line that is no account. What stands there is not repeated: it may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub(crate) struct InvalidTable {
    line: usize,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Problem {
    #[error("{source}")]
    Hash { source: InvalidHash },
    #[error("{source}")]
    Name { source: InvalidUserName },
    #[error("after the hash stands nothing, `:admin` or `:pull`")]
    Role,
    #[error("this user has a line already")]
    Twice,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$10$NwDOmIJ/O.KusAkmIxBQaeoQ7myYBQ8Ag0sdy0B.LQYPP38Sq.Tmi";

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    fn account(user: &str, role: Role) -> Account {
        Account {
            name: name(user),
            hash: HASH.parse().unwrap(),
            role,
        }
    }

    #[test]
    fn comments_stay_where_they_are() {
        let text = format!("# ours\nann:{HASH}\n\nroot:{HASH}:admin\nnodes:{HASH}:pull\n# end\n");
        let mut table = Table::parse(&text).unwrap();
        assert_eq!(table.to_string(), text);
        table.set(account("ann", Role::Admin));
        table.set(account("ci", Role::User));
        table.remove(&name("root"));
        assert_eq!(
            table.to_string(),
            format!("# ours\nann:{HASH}:admin\n\nnodes:{HASH}:pull\n# end\nci:{HASH}\n")
        );
    }

    #[track_caller]
    fn refused(text: &str, line: usize) {
        assert_eq!(Table::parse(text).unwrap_err().line, line, "{text}");
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        refused("ann", 1);
        refused("ann:", 1);
        refused("# x\nann:plain", 2);
        refused(&format!("a b:{HASH}"), 1);
        refused(&format!("ann:{HASH}:root"), 1);
        refused(&format!("ann:{HASH}:admin:x"), 1);
        refused(&format!("ann:{HASH}\nann:{HASH}"), 2);
    }

    #[test]
    fn a_change_of_password_or_rights_is_another_generation() {
        let one = account("ann", Role::User);
        assert_eq!(one.generation(), account("ann", Role::User).generation());
        assert_ne!(one.generation(), account("ann", Role::Admin).generation());
        assert_ne!(one.generation(), account("ann", Role::Puller).generation());
        assert_ne!(one.generation(), account("bob", Role::User).generation());
        let other = HASH.replacen("Tmi", "Tme", 1).parse().unwrap();
        let changed = Account {
            hash: other,
            ..account("ann", Role::User)
        };
        assert_ne!(one.generation(), changed.generation());
    }
}
