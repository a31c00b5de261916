//! Passwords and what is kept of them.
//!
//! Owns bcrypt: no other file names it. A [`Password`] is never printed, stored or serialised; what
//! leaves this file is a [`PasswordHash`], which crosses the admin socket and fills the user file.
//! Both are checked once: a password is one that bcrypt takes whole, a hash is one that can be
//! verified at a bearable cost.

use std::fmt::{self, Debug, Formatter};
use std::str::FromStr;

use bcrypt::HashParts;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// bcrypt looks at no more than this; a longer password would be cut silently.
const MAX_BYTES: usize = 72;

/// About 60 ms on a server core: dear enough for a thief, bearable at a login.
const COST: u32 = 10;

/// A hash of a higher cost, written by hand, would let each login attempt hold a core for seconds.
const MAX_COST: u32 = 14;

/// A hash of a random password that nobody knows, of the cost that ours have.
const DECOY: &str = "$2b$10$NwDOmIJ/O.KusAkmIxBQaeoQ7myYBQ8Ag0sdy0B.LQYPP38Sq.Tmi";

/// A password as somebody typed or sent it.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    /// Takes a password that is to be set.
    ///
    /// # Errors
    /// When bcrypt would not see all of it, or when no client could send it.
    pub(crate) fn new(text: String) -> Result<Self, InvalidPassword> {
        if text.is_empty() {
            return Err(InvalidPassword::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidPassword::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidPassword::Control);
        }
        Ok(Self(text))
    }

    /// Takes a password that somebody offers. Whatever it is, it is compared: a refusal before that
    /// would tell strangers something.
    pub(crate) fn offered(text: String) -> Self {
        Self(text)
    }

    /// A fresh password of 120 random bits, in letters that are not mistaken for one another.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut bytes = [0u8; 24];
        getrandom::fill(&mut bytes)?;
        let letters = bytes
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        Ok(Self(letters.collect()))
    }

    /// The text itself, for the one who must write or hash it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it. Takes about 60 ms of a core.
    ///
    /// # Errors
    /// When the system has no randomness to give for the salt.
    pub(crate) fn hash(&self) -> Result<PasswordHash, HashPassword> {
        bcrypt::hash(&self.0, COST)
            .map(PasswordHash)
            .map_err(|source| HashPassword { source })
    }
}

impl Debug for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A bcrypt hash (`$2a$`, `$2b$` or `$2y$`) of a bearable cost.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// The hash that an unknown user is checked against, so that it costs what a known one costs.
    pub(crate) fn decoy() -> Self {
        Self(DECOY.to_owned())
    }

    /// As it stands in the user file.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `password` is the one. Takes as long as hashing; belongs on the blocking pool.
    pub(crate) fn matches(&self, password: &str) -> bool {
        // A longer password is cut by bcrypt and compared all the same, so that the time tells
        // nothing; it is never right.
        let is_right = bcrypt::verify(password, &self.0).unwrap_or(false);
        is_right && password.len() <= MAX_BYTES
    }
}

impl FromStr for PasswordHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_bcrypt = ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|kind| text.starts_with(kind));
        let parts: HashParts = match text.parse() {
            Ok(parts) if is_bcrypt => parts,
            _ => return Err(InvalidHash::Kind),
        };
        if parts.get_cost() > MAX_COST {
            return Err(InvalidHash::Cost);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Debug for PasswordHash {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.0
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = InvalidHash;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Why a text cannot be a password here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidPassword {
    /// A line end, a NUL or the like.
    #[error("a password holds no control characters")]
    Control,
    /// Nothing at all: clients send an empty one to say "no login".
    #[error("a password is not empty")]
    Empty,
    /// Over 72 bytes.
    #[error("a password has at most 72 bytes, bcrypt sees no more")]
    Length,
}

/// Why a text is no hash this server verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidHash {
    /// So dear that a few attempts would stop the server.
    #[error("the cost of a bcrypt hash is at most 14")]
    Cost,
    /// Another algorithm, or damaged.
    #[error("only bcrypt hashes are understood (`htpasswd -B` makes them)")]
    Kind,
}

/// A password could not be hashed.
#[derive(Debug, Error)]
#[error("hash the password")]
pub(crate) struct HashPassword {
    source: bcrypt::BcryptError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_and_no_other() {
        let hash = Password::new("correct horse".into())
            .unwrap()
            .hash()
            .unwrap();
        assert!(hash.matches("correct horse"));
        assert!(!hash.matches("correct horse "));
        assert!(!hash.matches(""));
        assert_eq!(hash.as_str().parse::<PasswordHash>().unwrap(), hash);
    }

    #[test]
    fn the_seventy_third_byte_is_refused_and_never_ignored() {
        let longest = "x".repeat(72);
        let hash = Password::new(longest.clone()).unwrap().hash().unwrap();
        assert!(hash.matches(&longest));
        assert!(!hash.matches(&"x".repeat(73)));
        assert!(!hash.matches(&"x".repeat(71)));
        assert_eq!(
            Password::new("x".repeat(73)).unwrap_err(),
            InvalidPassword::Length
        );
    }

    #[test]
    fn passwords_that_no_client_can_send_are_refused() {
        assert_eq!(
            Password::new(String::new()).unwrap_err(),
            InvalidPassword::Empty
        );
        for text in ["a\n", "a\0b", "\u{7f}"] {
            assert_eq!(
                Password::new(text.into()).unwrap_err(),
                InvalidPassword::Control
            );
        }
    }

    #[test]
    fn only_bcrypt_of_a_bearable_cost_is_a_hash() {
        let dear = DECOY.replacen("$10$", "$31$", 1);
        assert_eq!(dear.parse::<PasswordHash>().unwrap_err(), InvalidHash::Cost);
        for text in [
            "",
            "plain",
            "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "$apr1$x$y",
            "$2y$10$short",
        ] {
            assert_eq!(
                text.parse::<PasswordHash>().unwrap_err(),
                InvalidHash::Kind,
                "{text}"
            );
        }
    }

    #[test]
    fn the_decoy_costs_what_a_real_hash_costs() {
        let cost = |hash: &PasswordHash| hash.as_str().parse::<HashParts>().unwrap().get_cost();
        assert_eq!(cost(&PasswordHash::decoy().as_str().parse().unwrap()), COST);
        assert!(!PasswordHash::decoy().matches(""));
    }

    #[test]
    fn random_passwords_differ_and_can_be_set() {
        let (one, other) = (Password::random().unwrap(), Password::random().unwrap());
        assert_ne!(one.expose(), other.expose());
        Password::new(one.expose().to_owned()).unwrap();
    }

    #[test]
    fn nothing_secret_is_printed() {
        let password = Password::new("hunter2".into()).unwrap();
        let printed = format!("{password:?} {:?}", password.hash().unwrap());
        assert_eq!(printed, "[redacted] [redacted]");
    }
}
