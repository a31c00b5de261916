//! Quantities as the configuration writes them: `5m`, `500GiB`, `5%`.
//!
//! Owns their grammar and their printed form. Invariant: what is printed parses back to the same
//! quantity.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use roadstead_storage::KeepFree;
use serde::Serialize;
use thiserror::Error;

/// A length of time, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(Duration);

impl Span {
    /// A span of whole seconds, for defaults.
    pub(crate) const fn seconds(seconds: u64) -> Self {
        assert!(seconds > 0, "a span is above zero");
        Self(Duration::from_secs(seconds))
    }

    /// The span as the standard library has it.
    pub(crate) const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match humantime::parse_duration(text) {
            Ok(duration) if duration.is_zero() => Err(InvalidSpan),
            Ok(duration) => Ok(Self(duration)),
            Err(_) => Err(InvalidSpan),
        }
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a length of time above zero, such as \"90s\", \"5m\" or \"24h\"")]
pub(crate) struct InvalidSpan;

/// An amount of storage in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(ByteSize);

impl Size {
    /// The amount in bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0.as_u64()
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| InvalidSize)
    }
}

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The decimals of the usual form would round: a whole number of the largest unit that fits.
        let units = [
            (1u64 << 40, "TiB"),
            (1 << 30, "GiB"),
            (1 << 20, "MiB"),
            (1 << 10, "KiB"),
        ];
        let bytes = self.0.as_u64();
        let whole = |(size, _): &&(u64, &str)| bytes >= *size && bytes.is_multiple_of(*size);
        match units.iter().find(whole) {
            Some((size, unit)) => write!(f, "{}{unit}", bytes / size),
            None => write!(f, "{bytes}B"),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no amount of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an amount of storage, such as \"500GiB\"")]
pub(crate) struct InvalidSize;

/// A part of a file system: in hundredths of it, or in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// So many bytes.
    Bytes(Size),
    /// So many hundredths, below one hundred.
    Percent(u8),
}

impl Share {
    /// The share as the store leaves it free.
    pub(crate) const fn kept_free(self) -> KeepFree {
        match self {
            Self::Bytes(size) => KeepFree::Bytes(size.bytes()),
            Self::Percent(percent) => KeepFree::Percent(percent),
        }
    }
}

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim_end().parse() {
                Ok(percent) if percent < 100 => Ok(Self::Percent(percent)),
                _ => Err(InvalidShare),
            },
            None => text.parse().map(Self::Bytes).map_err(|_| InvalidShare),
        }
    }
}

impl Display for Share {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(size) => size.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no part of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("neither a share below 100%, such as \"5%\", nor an amount of storage")]
pub(crate) struct InvalidShare;

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    #[track_caller]
    fn check<T: FromStr + Display + PartialEq + Debug>(text: &str, expected: Option<&str>)
    where
        T::Err: Debug,
    {
        let parsed = text.parse::<T>().ok();
        assert_eq!(
            parsed.as_ref().map(T::to_string).as_deref(),
            expected,
            "{text}"
        );
        if let Some(value) = parsed {
            assert_eq!(value.to_string().parse::<T>().unwrap(), value, "{text}");
        }
    }

    #[test]
    fn spans_are_printed_as_they_are_read() {
        check::<Span>("5m", Some("5m"));
        check::<Span>("90s", Some("1m 30s"));
        check::<Span>("24h", Some("1day"));
        for wrong in ["", "0s", "5", "-1s", "five"] {
            check::<Span>(wrong, None);
        }
    }

    #[test]
    fn sizes_are_printed_as_they_are_read() {
        check::<Size>("500GiB", Some("500GiB"));
        check::<Size>("2 TiB", Some("2TiB"));
        check::<Size>("1500", Some("1500B"));
        check::<Size>("1GB", Some("1000000000B"));
        for wrong in ["", "GiB", "5 apples", "-1"] {
            check::<Size>(wrong, None);
        }
    }

    #[test]
    fn shares_are_percents_or_sizes() {
        check::<Share>("5%", Some("5%"));
        check::<Share>("0%", Some("0%"));
        check::<Share>("10GiB", Some("10GiB"));
        for wrong in ["100%", "-1%", "%", "x"] {
            check::<Share>(wrong, None);
        }
    }
}
