//! Digests: the name of content by its hash, and the hashers that compute them.
//!
//! A [`Digest`] cannot be upper-case, short, long or of an unknown algorithm, and never touches the
//! heap, so it may stand in a path without a second thought (CVE-2024-3727).

use std::fmt::{self, Debug, Display, Formatter, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

use super::error::{InvalidAlgorithm, InvalidDigest};

/// A hash algorithm of the image specification that this registry computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, written `sha256`.
    Sha256,
    /// SHA-512, written `sha512`.
    Sha512,
}

impl Algorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// As it stands before the colon of a digest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl Display for Algorithm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = InvalidAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(InvalidAlgorithm)
    }
}

/// The name of content: algorithm and hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Digest {
    /// A SHA-256 hash.
    Sha256([u8; 32]),
    /// A SHA-512 hash.
    Sha512([u8; 64]),
}

impl Digest {
    /// The digest of bytes that are at hand; for streams there is [`Hasher`].
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest whose encoded part is `hex`: how file names are read back.
    ///
    /// # Errors
    /// [`InvalidDigest::Encoded`] when it has not the algorithm's length or is not lower-case hex.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, InvalidDigest> {
        match algorithm {
            Algorithm::Sha256 => decode_hex(hex).map(Self::Sha256),
            Algorithm::Sha512 => decode_hex(hex).map(Self::Sha512),
        }
    }

    /// Which hash it is.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The encoded part: lower-case hexadecimal.
    pub fn hex(&self) -> String {
        encode_hex(self.as_bytes())
    }

    /// The hash itself, 32 or 64 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(hash) => hash,
            Self::Sha512(hash) => hash,
        }
    }
}

impl Debug for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}…", self.algorithm(), &self.hex()[..8])
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) = text.split_once(':').ok_or(InvalidDigest::Form)?;
        let algorithm = algorithm.parse().map_err(|_| InvalidDigest::Algorithm)?;
        Self::from_hex(algorithm, hex)
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Computes a digest of bytes as they pass.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// Has seen nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Which hash it computes.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of all bytes seen.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hash) => Digest::Sha256(hash.finalize().into()),
            State::Sha512(hash) => Digest::Sha512(hash.finalize().into()),
        }
    }

    /// What has been seen so far, to go on with after a restart.
    pub(crate) fn save(&self) -> HasherState {
        HasherState(match &self.0 {
            State::Sha256(hash) => format!("sha256:{}", encode_hex(&hash.serialize())),
            State::Sha512(hash) => format!("sha512:{}", encode_hex(&hash.serialize())),
        })
    }
}

impl Debug for Hasher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hasher").field(&self.algorithm()).finish()
    }
}

/// A [`Hasher`] put to rest as text, for the record of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HasherState(String);

impl HasherState {
    /// Wakes the hasher up; `None` when the text is damaged.
    pub(crate) fn resume(&self) -> Option<Hasher> {
        let (algorithm, hex) = self.0.split_once(':')?;
        Some(Hasher(match algorithm.parse().ok()? {
            Algorithm::Sha256 => State::Sha256(restore::<Sha256>(hex)?),
            Algorithm::Sha512 => State::Sha512(restore::<Sha512>(hex)?),
        }))
    }
}

fn restore<H: SerializableState>(hex: &str) -> Option<H> {
    let mut state = SerializedState::<H>::default();
    if hex.len() != state.len() * 2 {
        return None;
    }
    decode_hex_into(hex, &mut state).ok()?;
    H::deserialize(&state).ok()
}

fn encode_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(hex, "{byte:02x}").expect("writing into a string does not fail");
    }
    hex
}

fn decode_hex<const N: usize>(hex: &str) -> Result<[u8; N], InvalidDigest> {
    let mut bytes = [0; N];
    decode_hex_into(hex, &mut bytes)?;
    Ok(bytes)
}

fn decode_hex_into(hex: &str, bytes: &mut [u8]) -> Result<(), InvalidDigest> {
    if hex.len() != bytes.len() * 2 {
        return Err(InvalidDigest::Encoded);
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(())
}

fn nibble(digit: u8) -> Result<u8, InvalidDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidDigest::Encoded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[track_caller]
    fn refuses(text: &str, expected: InvalidDigest) {
        assert_eq!(text.parse::<Digest>(), Err(expected), "{text:?}");
    }

    #[test]
    fn a_digest_reads_back_as_it_was_written() {
        let sha512 = Digest::of(Algorithm::Sha512, b"x").to_string();
        for text in [EMPTY, &sha512] {
            assert_eq!(text.parse::<Digest>().expect("valid").to_string(), text);
        }
        assert_eq!(Digest::of(Algorithm::Sha256, b"").to_string(), EMPTY);
    }

    #[test]
    fn only_exact_digests_pass() {
        refuses("", InvalidDigest::Form);
        refuses("e3b0c442", InvalidDigest::Form);
        refuses("sha256:", InvalidDigest::Encoded);
        refuses("sha256:../../etc/passwd", InvalidDigest::Encoded);
        refuses(&EMPTY.to_uppercase(), InvalidDigest::Algorithm);
        refuses(&EMPTY.replace("e3b0", "E3B0"), InvalidDigest::Encoded);
        refuses(&EMPTY[..EMPTY.len() - 1], InvalidDigest::Encoded);
        refuses(&format!("{EMPTY}0"), InvalidDigest::Encoded);
        refuses(&EMPTY.replace("sha256", "sha384"), InvalidDigest::Algorithm);
        refuses(&EMPTY.replace("sha256", "sha512"), InvalidDigest::Encoded);
        refuses(&EMPTY.replace("e3", "\0\0"), InvalidDigest::Encoded);
        refuses(&EMPTY.replace("e3", "é"), InvalidDigest::Encoded);
        refuses(&format!(" {EMPTY}"), InvalidDigest::Algorithm);
    }

    #[test]
    fn a_hasher_goes_on_where_it_was_put_to_rest() {
        for algorithm in Algorithm::ALL {
            for split in [0, 1, 63, 64, 65, 127, 128, 1000] {
                let data = vec![7_u8; 1000];
                let mut first = Hasher::new(algorithm);
                first.update(&data[..split]);
                let mut second = first.save().resume().expect("an undamaged state");
                second.update(&data[split..]);
                assert_eq!(second.finish(), Digest::of(algorithm, &data));
            }
        }
    }

    #[test]
    fn a_damaged_state_does_not_resume() {
        for damaged in ["", "sha256", "sha256:", "sha256:00", "md5:00", "sha512:zz"] {
            assert!(
                HasherState(damaged.to_owned()).resume().is_none(),
                "{damaged:?}"
            );
        }
    }
}
