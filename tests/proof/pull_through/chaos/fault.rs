//! What may go wrong with an answer, and does by chance.

use std::time::Duration;

use harness::upstream::Asked;
use harness::{At, Chance, Fault, Reply};

use super::world::LAYER;

/// What goes wrong with an answer: nothing, half of the time.
pub(super) fn fault(asked: &Asked, seed: u64) -> Vec<Fault> {
    let mut chance = Chance::new(seed ^ (asked.number as u64).wrapping_mul(0x9e37_79b9));
    if chance.once_in(2) {
        return Vec::new();
    }
    let at = At::Byte(chance.below(LAYER) as u64);
    let early = At::Byte(chance.below(500) as u64);
    let fault = match chance.below(18) {
        0 => Fault::Reset(At::Start),
        1 => Fault::Reset(early),
        2 => Fault::Reset(at),
        3 => Fault::Cut(early),
        4 => Fault::Cut(at),
        5 => Fault::Flipped(chance.below(500) as u64),
        6 => Fault::Flipped(chance.below(LAYER) as u64),
        7 => Fault::Appended(1 + chance.below(100) as u64),
        8 => Fault::Trailing(1 + chance.below(100)),
        9 => Fault::IgnoredRange,
        10 => Fault::Chunked,
        11 => Fault::status([401, 404, 500, 502, 503][chance.below(5)]),
        12 => Fault::Instead(Reply::new(429).header("retry-after", "0")),
        13 => Fault::Instead(Reply::new(200).body("{}")),
        14 => Fault::Delay(Duration::from_millis(chance.below(100) as u64)),
        15 => Fault::Drip(32 * 1024, Duration::from_millis(1)),
        16 => Fault::redirect("/v2/"),
        _ => Fault::Without("docker-content-digest"),
    };
    vec![fault]
}
