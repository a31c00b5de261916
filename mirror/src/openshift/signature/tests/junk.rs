//! Bytes that nobody would send by mistake: they are refused, and nothing worse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pgp::packet::{PacketHeader, Signature};
use pgp::types::Tag;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::lab::{Owner, deflated, literal, packet, sign, statement};
use crate::openshift::signature::certificate::Certificate;
use crate::openshift::signature::message::Message;

/// How many variants of each text are read.
const VARIANTS: u64 = 5_000;

/// Damages bytes in several ways, as `seed` says.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut bytes = bytes.to_vec();
    for _ in 0..chance.gen_range(1..6) {
        let (from, to) = (
            chance.gen_range(0..bytes.len()),
            chance.gen_range(0..bytes.len()),
        );
        match chance.gen_range(0..6) {
            0 => bytes[from] = chance.r#gen(),
            1 => bytes[from] ^= 1 << chance.gen_range(0..8),
            // Numbers that are lengths are most often wrong by being the largest or the least.
            2 => bytes[from] = 0xff,
            3 => bytes[from] = 0,
            4 => {
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, piece);
            }
            _ => bytes.truncate(from.max(1)),
        }
    }
    bytes
}

#[track_caller]
fn check(bytes: &[u8], read: impl Fn(&[u8])) {
    for seed in 0..VARIANTS {
        let damaged = damaged(bytes, seed);
        let read = catch_unwind(AssertUnwindSafe(|| read(&damaged)));
        assert!(read.is_ok(), "seed {seed}: {damaged:02x?}");
    }
}

#[test]
fn no_message_makes_the_reader_panic() {
    let read = |bytes: &[u8]| drop(Message::read(bytes));
    for owner in [&Owner::new(1), Owner::careless()] {
        let signed = owner.signed();
        check(&signed, read);
        check(&deflated(&signed[..200]), read);
        let before = packet(&sign(&owner.key, 1));
        check(&[before, literal(statement().as_bytes())].concat(), read);
    }
}

#[test]
fn no_signature_makes_its_reader_panic() {
    for owner in [&Owner::new(1), Owner::careless()] {
        let signature = packet(&sign(&owner.key, 1));
        check(&signature[2..], |bytes| {
            let length = u32::try_from(bytes.len()).unwrap();
            let header = PacketHeader::new_fixed(Tag::Signature, length);
            drop(Signature::try_from_reader(header, bytes));
        });
    }
}

#[test]
fn no_certificate_makes_its_reader_panic() {
    for owner in [&Owner::new(1), Owner::careless()] {
        check(&owner.plain(), |bytes| drop(Certificate::read_all(bytes)));
    }
}
