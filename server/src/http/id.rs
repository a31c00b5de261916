//! The id of a request, which its answer and its lines in the log share.
//!
//! A number that is counted up, under the keys of this process: nobody outside can tell one id from
//! another's neighbour, nor count our requests, and those of another start are others. Needs no system
//! call. Invariant: two requests with the same id are as unlikely as two equal random numbers of 128 bits.

use std::fmt::{self, Display, Formatter};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Gives every request an id of its own.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    next: AtomicU64,
    high: RandomState,
    low: RandomState,
}

/// The id of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    high: u64,
    low: u64,
}

impl Ids {
    /// One that was not given before.
    pub(crate) fn next(&self) -> Id {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Id {
            high: self.high.hash_one(number),
            low: self.low.hash_one(number),
        }
    }
}

impl Id {
    /// As 32 hexadecimal digits. Every answer needs them, which is why they are not written by `fmt`.
    fn digits(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = u128::from(self.high) << 64 | u128::from(self.low);
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        digits
    }
}

impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.digits()))
    }
}

impl From<Id> for HeaderValue {
    fn from(id: Id) -> Self {
        Self::from_bytes(&id.digits()).expect("digits are a value")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_is_given_twice_and_none_tells_of_the_next() {
        let (one, other) = (Ids::default(), Ids::default());
        let ids: HashSet<Id> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ids.len(), 2000, "neither within a start nor between two");
        let (a, b) = (one.next().to_string(), one.next().to_string());
        let shared = a.bytes().zip(b.bytes()).filter(|(a, b)| a == b).count();
        assert!(shared < 16, "{a} and {b} are too much alike");
    }

    #[test]
    fn an_id_is_32_digits() {
        let id = Id { high: 1, low: 0xab };
        let text = HeaderValue::from(id);
        assert_eq!(text, "000000000000000100000000000000ab");
        assert_eq!(id.to_string(), "000000000000000100000000000000ab");
    }
}
