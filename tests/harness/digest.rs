//! Digests as the specification writes them, computed here and not by the registry.
//!
//! A `Digest` is text, so that a test can also hold a wrong one.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

/// A digest in its written form, `sha256:<hex>` or `sha512:<hex>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// The sha256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Hasher::sha256().with(bytes).finish()
    }

    /// The sha512 of these bytes.
    pub fn sha512(bytes: &[u8]) -> Self {
        Hasher::sha512().with(bytes).finish()
    }

    /// Takes any text for a digest: what a server said, or what a test wants to say wrongly.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the colon.
    pub fn algorithm(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(algorithm, _)| algorithm)
    }

    /// What stands behind the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest in the making, for content that is never whole in memory.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// Makes a `sha256:` digest.
    Sha256(Sha256),
    /// Makes a `sha512:` digest.
    Sha512(Sha512),
}

impl Hasher {
    /// Begins a sha256.
    pub fn sha256() -> Self {
        Self::Sha256(Sha256::new())
    }

    /// Begins a sha512.
    pub fn sha512() -> Self {
        Self::Sha512(Sha512::new())
    }

    /// Begins the algorithm of this name, if the registry knows it.
    pub fn named(algorithm: &str) -> Option<Self> {
        match algorithm {
            "sha256" => Some(Self::sha256()),
            "sha512" => Some(Self::sha512()),
            _ => None,
        }
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Takes in these bytes and hands itself on.
    #[must_use]
    pub fn with(mut self, bytes: &[u8]) -> Self {
        self.update(bytes);
        self
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest(format!("sha256:{}", hex(&hasher.finalize()))),
            Self::Sha512(hasher) => Digest(format!("sha512:{}", hex(&hasher.finalize()))),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(
            Digest::of(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
