//! Large content that is made as it is sent.
//!
//! `Noise` is the same bytes for the same seed, so its digest is known without keeping it.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use crate::chance::Chance;
use crate::digest::{Digest, Hasher};

const BLOCK: usize = 256 * 1024;

/// Pseudo-random bytes of any length, never held whole.
///
/// One random block is repeated with its number stamped in front, so that no two blocks are alike.
#[derive(Clone, Debug)]
pub struct Noise {
    length: u64,
    block: Bytes,
    /// The sha256 of all of them, once it was asked for; clones share it.
    digest: Arc<OnceLock<Digest>>,
}

impl Noise {
    /// This many bytes, others for another seed.
    pub fn new(seed: u64, length: u64) -> Self {
        Self {
            length,
            block: random_block(seed),
            digest: Arc::default(),
        }
    }

    /// How many bytes these are.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes, block by block.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        let Self { length, block, .. } = self.clone();
        (0_u64..).map_while(move |number| {
            let left = length
                .checked_sub(number * BLOCK as u64)
                .filter(|left| *left > 0)?;
            let mut stamped = BytesMut::from(&block[..]);
            stamped[..8].copy_from_slice(&number.to_le_bytes());
            stamped.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            Some(stamped.freeze())
        })
    }

    /// All of them at once, for lengths that fit a test's memory.
    pub fn bytes(&self) -> Bytes {
        self.chunks()
            .fold(BytesMut::new(), |mut all, chunk| {
                all.extend_from_slice(&chunk);
                all
            })
            .freeze()
    }

    /// Their sha256.
    pub fn digest(&self) -> Digest {
        let digest = self.digest.get_or_init(|| self.hash(Hasher::sha256()));
        digest.clone()
    }

    /// Their sha512.
    pub fn sha512(&self) -> Digest {
        self.hash(Hasher::sha512())
    }

    fn hash(&self, hasher: Hasher) -> Digest {
        self.chunks()
            .fold(hasher, |hasher, chunk| hasher.with(&chunk))
            .finish()
    }
}

fn random_block(seed: u64) -> Bytes {
    let mut chance = Chance::new(seed);
    let mut block = BytesMut::with_capacity(BLOCK);
    while block.len() < BLOCK {
        block.extend_from_slice(&chance.word().to_le_bytes());
    }
    block.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_length_asked_for_and_depends_on_its_seed() {
        for length in [0, 1, 7, BLOCK as u64, BLOCK as u64 + 1] {
            assert_eq!(Noise::new(1, length).bytes().len() as u64, length);
        }
        assert_ne!(Noise::new(1, 64).digest(), Noise::new(2, 64).digest());
        assert_eq!(
            Noise::new(1, 64).digest(),
            Digest::of(&Noise::new(1, 64).bytes())
        );
    }
}
