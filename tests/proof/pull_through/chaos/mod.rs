//! Everything at once, by chance: an upstream that fails in every way, clients that ask for whatever and
//! hang up, tags that move, kills. Nothing wrong is ever served to its end, and nothing wrong stays.

mod fault;
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use harness::{Chance, Registry, Session, Upstream, eventually};

use self::fault::fault;
use self::world::{VERSIONS, World};
use super::{is_long, registry};

/// How often all begins anew, with other images.
const ROUNDS: usize = 6;
const ROUNDS_IN_LONG: usize = 100;
/// How long about each third of a round takes at most, in milliseconds.
const PART: u64 = 900;
const CLIENTS: u64 = 6;

/// What came of one round.
struct Figures {
    whole: usize,
    refused: usize,
}

/// Has everything go wrong for a while, with a kill in the midst, and then nothing: all is well again.
#[track_caller]
fn round(
    registry: &mut Registry,
    upstream: &Upstream,
    world: &World,
    chance: &mut Chance,
) -> Figures {
    let seed = chance.word();
    upstream.when(move |asked| fault(asked, seed));
    let client = registry.plain();
    let is_over = AtomicBool::new(false);
    let part = |chance: &mut Chance| Duration::from_millis(100 + chance.word() % PART);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (client, is_over) = (&client, &is_over);
            scope.spawn(move || {
                let mut chance = Chance::new(seed + number);
                let mut session = Session::of(client);
                while !is_over.load(Ordering::Relaxed) {
                    world.ask(client, &mut session, &mut chance);
                }
            });
        }
        for _ in 0..2 {
            thread::sleep(part(chance));
            world.tag(upstream, chance.below(VERSIONS));
        }
        registry.kill();
        registry.start_again();
        thread::sleep(part(chance));
        is_over.store(true, Ordering::Relaxed);
    });
    upstream.behave();
    // Nobody waits out a pause that the upstream asked for.
    registry.restart();
    let refused = world.refused.swap(0, Ordering::Relaxed);
    world.check_all(&client);
    assert_eq!(world.refused.load(Ordering::Relaxed), 0, "not all comes");
    let fetches = registry.data().join("fetches/sha256");
    eventually("no fetch is left", || {
        let mut left = fetches.read_dir().into_iter().flatten().flatten();
        // A kill may leave a directory behind, which the next collection takes, but nothing in it.
        !left.any(|fetch| fetch.path().join("data").exists())
    });
    Figures {
        whole: world.whole.load(Ordering::Relaxed),
        refused,
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it saw")]
fn whatever_happens_nothing_wrong_is_served_to_its_end_or_kept() {
    let seed = 7;
    let mut chance = Chance::new(seed);
    let upstream = Upstream::start();
    let mut registry = registry(&upstream, "tag_max_age = \"1ms\"");
    let rounds = if is_long() { ROUNDS_IN_LONG } else { ROUNDS };
    let (mut whole, mut refused) = (0, 0);
    for number in 0..rounds {
        let world = World::new(number, &mut chance);
        for version in 0..VERSIONS {
            world.tag(&upstream, version);
        }
        let figures = round(&mut registry, &upstream, &world, &mut chance);
        whole += figures.whole;
        refused += figures.refused;
        world.forget(&upstream);
    }
    println!(
        "{rounds} rounds with a kill in each, seed {seed}: {whole} answers whole and right, {refused} \
         refused or cut off, {} requests to the upstream",
        upstream.asked().len()
    );
    registry.finish().no_uploads();
}
