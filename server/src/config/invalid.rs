//! What is wrong with a value of the configuration, and under which key it stands.
//!
//! Ground floor of the configuration: every section's check answers in this type, so that a person is
//! always told the key. It knows no section.

use std::error::Error as StdError;
use std::str::FromStr;

use thiserror::Error;

/// A value that cannot be used.
#[derive(Debug, Error)]
#[error("{key}: {problem}")]
pub(crate) struct Invalid {
    key: String,
    problem: Box<dyn StdError + Send + Sync>,
}

impl Invalid {
    /// Names the key (`upstream[2].urls[0]`) and the problem, in words without a full stop.
    pub(crate) fn new(
        key: impl Into<String>,
        problem: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }
}

/// Parses the text under `key`.
///
/// # Errors
/// When the text is not of the type's grammar.
pub(crate) fn parse<T>(key: impl Into<String>, text: &str) -> Result<T, Invalid>
where
    T: FromStr,
    T::Err: Into<Box<dyn StdError + Send + Sync>>,
{
    text.parse().map_err(|problem| Invalid::new(key, problem))
}

/// Parses each text of the list under `key`, naming the one that is wrong by its place.
///
/// # Errors
/// When one of the texts is not of the type's grammar.
pub(crate) fn parse_all<T, C>(key: &str, texts: &[String]) -> Result<C, Invalid>
where
    T: FromStr,
    T::Err: Into<Box<dyn StdError + Send + Sync>>,
    C: FromIterator<T>,
{
    let texts = texts.iter().enumerate();
    texts
        .map(|(place, text)| parse(format!("{key}[{place}]"), text))
        .collect()
}
