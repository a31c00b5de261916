//! Why a command was not carried out, in the form that a person is told it.
//!
//! It crosses the socket, so it holds texts and not errors. Owns the exit codes of the program, too:
//! what failed decides how the process ends. Invariant: each text is one line without a full stop.

use std::error::Error;

use serde::{Deserialize, Serialize};

/// How the process ends when something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exit {
    /// The configuration is wrong (78, as sysexits has it).
    Configuration,
    /// It did not work (1).
    Failed,
    /// It was done, and something is missing that the report names (2).
    Partly,
    /// The command line is wrong (64, as sysexits has it).
    Usage,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Configuration => 78,
            Self::Failed => 1,
            Self::Partly => 2,
            Self::Usage => 64,
        }
    }
}

/// What was attempted, why it failed, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What was attempted.
    pub(crate) attempt: String,
    /// The causes, the nearest first.
    pub(crate) because: Vec<String>,
    /// A next step, where one is known.
    pub(crate) hint: Option<String>,
    /// How the process ends.
    pub(crate) exit: Exit,
}

impl Failure {
    /// A failure for which there is nothing more to say.
    pub(crate) fn new(attempt: impl Into<String>) -> Self {
        Self {
            attempt: attempt.into(),
            because: Vec::new(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// The report of another command than the one that was given: a fault of this program.
    pub(crate) fn other_report() -> Self {
        Self::new("understand the answer").since("it belongs to another command")
    }

    /// A failure whose causes are this error and those below it.
    pub(crate) fn because(attempt: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        Self::new(attempt).with_causes(Some(error))
    }

    /// The failure that an error is by itself: its own text is the attempt.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        Self::new(line(error)).with_causes(error.source())
    }

    /// Adds one cause in words.
    #[must_use]
    pub(crate) fn since(mut self, cause: impl Into<String>) -> Self {
        self.because.push(cause.into());
        self
    }

    /// Adds an error and those below it as causes.
    #[must_use]
    pub(crate) fn with_causes(mut self, first: Option<&(dyn Error + 'static)>) -> Self {
        let mut next = first;
        while let Some(error) = next {
            self.because.push(line(error));
            next = error.source();
        }
        // A transparent error repeats the text of the one it wraps.
        self.because.dedup();
        self
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says how the process ends.
    #[must_use]
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// The text of one error on one line: parsers draw pictures over several.
fn line(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("open the file")]
    struct Outer {
        source: std::io::Error,
    }

    #[test]
    fn the_causes_are_told_one_by_one() {
        let error = Outer {
            source: std::io::ErrorKind::NotFound.into(),
        };
        let failure = Failure::because("do it", &error);
        assert_eq!(
            (failure.attempt.as_str(), failure.because.len()),
            ("do it", 2)
        );
        assert_eq!(failure.because[0], "open the file");
        let failure = Failure::of(&error);
        assert_eq!(
            (failure.attempt.as_str(), failure.because.len()),
            ("open the file", 1)
        );
    }

    #[test]
    fn no_cause_takes_more_than_a_line() {
        let picture = std::io::Error::other("wrong key\n  |\n1 | x = 1\n");
        assert_eq!(Failure::of(&picture).attempt, "wrong key   | 1 | x = 1");
    }
}
