//! One parser of the registry against libFuzzer, named by `ROADSTEAD_FUZZ_TARGET`.
//!
//! The properties lie beside the parsers, in the `fuzzing` modules of the crates. Here one is added that
//! holds for all of them: what a parser sets aside in memory is bounded by what it was sent.
#![no_main]

mod memory;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

/// More than any parser may hold of an input of a few KiB: what it makes of each byte, and what stays
/// from one input to the next (a key, a compiled pattern).
const LIMIT: usize = 4 * 1024 * 1024;

/// The property that is checked.
static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("ROADSTEAD_FUZZ_TARGET").expect("ROADSTEAD_FUZZ_TARGET names one");
    let mut targets = roadstead::fuzzing::targets().chain(roadstead_storage::fuzzing::targets());
    let found = targets.find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("no target {wanted}")).1
});

fuzz_target!(|bytes: &[u8]| {
    let held = memory::most_held_by(|| TARGET(bytes));
    assert!(
        held <= LIMIT,
        "{held} bytes of memory for an input of {}",
        bytes.len()
    );
});
