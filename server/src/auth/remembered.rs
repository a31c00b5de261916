//! Tokens that were verified a moment ago: a signature is not checked twice.
//!
//! A token is found by a keyed hash of its signature, which nobody outside this process can aim at, and is
//! believed only if it is the same in every byte. It lies here as it came: whoever could read it could
//! read the key that signs, too. Invariant: what is remembered is bounded in number and in bytes, and is
//! only what a token says; whether that holds now (its times, the state of the account) is asked each time.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// How many tokens are remembered.
const TOKENS: usize = 4096;
/// How long all of them may be together. What is read from a token takes about as much again.
const BYTES: usize = 2 * 1024 * 1024;
/// A longer token, which is for many repositories at once, is verified each time.
const LONGEST: usize = 16 * 1024;
/// How long the end of a token is that no other has: its signature.
const SIGNATURE: usize = 86;

/// What tokens say, by the token.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    key: RandomState,
    held: RwLock<Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    by_hash: HashMap<u64, Entry<T>>,
    /// Oldest first.
    order: VecDeque<u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<T> {
    token: Box<[u8]>,
    says: Arc<T>,
    end: u64,
}

impl<T> Remembered<T> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let held = Held {
            by_hash: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
        };
        Self {
            key: RandomState::new(),
            held: RwLock::new(held),
        }
    }

    /// What this very token says.
    pub(super) fn find(&self, token: &str) -> Option<Arc<T>> {
        let hash = self.hash(token);
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let entry = held.by_hash.get(&hash)?;
        verify_slices_are_equal(&entry.token, token.as_bytes()).ok()?;
        Some(Arc::clone(&entry.says))
    }

    /// Remembers what a token says that was just verified, and is good until `end`. The oldest go to make
    /// room, and all that ended by `now`, in the seconds of the same clock.
    pub(super) fn remember(&self, token: &str, says: Arc<T>, end: u64, now: u64) {
        if token.len() > LONGEST {
            return;
        }
        let hash = self.hash(token);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.by_hash.contains_key(&hash) {
            // Somebody came with it at the same time.
            return;
        }
        while held.has_no_room_for(token) || held.oldest().is_some_and(|oldest| oldest.end <= now) {
            held.forget_oldest();
        }
        held.bytes += token.len();
        held.order.push_back(hash);
        let token = token.as_bytes().into();
        held.by_hash.insert(hash, Entry { token, says, end });
    }

    fn hash(&self, token: &str) -> u64 {
        let token = token.as_bytes();
        self.key
            .hash_one(&token[token.len().saturating_sub(SIGNATURE)..])
    }
}

impl<T> Held<T> {
    fn has_no_room_for(&self, token: &str) -> bool {
        self.order.len() >= TOKENS || self.bytes + token.len() > BYTES
    }

    fn oldest(&self) -> Option<&Entry<T>> {
        self.by_hash.get(self.order.front()?)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.order.pop_front();
        if let Some(entry) = oldest.and_then(|hash| self.by_hash.remove(&hash)) {
            self.bytes -= entry.token.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(n: usize, length: usize) -> String {
        format!("{n:0>length$}")
    }

    #[test]
    fn only_the_very_same_token_is_known() {
        let remembered = Remembered::new();
        let good = format!("header.claims.{}", "s".repeat(SIGNATURE));
        remembered.remember(&good, Arc::new("ann"), 9, 0);
        assert_eq!(remembered.find(&good).as_deref(), Some(&"ann"));
        for place in 0..good.len() {
            let mut other = good.clone().into_bytes();
            other[place] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert_eq!(remembered.find(&other), None, "byte {place}");
        }
        assert_eq!(remembered.find(&good[1..]), None);
        assert_eq!(remembered.find(&format!("x{good}")), None);
        assert_eq!(remembered.find(""), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_and_in_bytes() {
        for length in [100, 1000, LONGEST] {
            let remembered = Remembered::new();
            for n in 0..=TOKENS {
                remembered.remember(&token(n, length), Arc::new(n), 9, 0);
                remembered.remember(&token(n, length), Arc::new(n), 9, 0);
            }
            let held = remembered.held.read().unwrap();
            let fit = TOKENS.min(BYTES / length);
            assert_eq!((held.order.len(), held.by_hash.len()), (fit, fit));
            assert_eq!(held.bytes, fit * length);
            drop(held);
            assert_eq!(remembered.find(&token(0, length)), None);
            let last = remembered.find(&token(TOKENS, length));
            assert_eq!(last.as_deref(), Some(&TOKENS), "the oldest go first");
        }
        let remembered = Remembered::new();
        remembered.remember(&token(0, LONGEST + 1), Arc::new(0), 9, 0);
        assert_eq!(remembered.find(&token(0, LONGEST + 1)), None);
    }

    #[test]
    fn what_has_ended_goes() {
        let remembered = Remembered::new();
        remembered.remember("one", Arc::new(1), 10, 0);
        remembered.remember("two", Arc::new(2), 20, 0);
        remembered.remember("three", Arc::new(3), 30, 10);
        let held = remembered.held.read().unwrap();
        assert_eq!((held.order.len(), held.bytes), (2, "twothree".len()));
    }
}
