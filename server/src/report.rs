//! An error with all its causes on one line, for the log.
//!
//! Each level of an error prints only itself; this is the one place that walks down. What it prints
//! may name files and must not reach a client.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

/// Prints `error` and its causes, from the attempt to its root, with colons between.
pub(crate) fn chain(error: &dyn Error) -> impl Display {
    Chain(error)
}

struct Chain<'a>(&'a dyn Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use roadstead_storage::Error as StoreError;

    use super::*;

    #[test]
    fn every_cause_is_told_once() {
        let source = io::Error::other("disk on fire");
        let error = StoreError::Io {
            attempt: "open",
            path: "/a".into(),
            source,
        };
        assert_eq!(chain(&error).to_string(), "open /a: disk on fire");
    }
}
