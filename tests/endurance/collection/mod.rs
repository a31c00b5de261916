//! Collection again and again, under pushes, pulls and mounts of shared layers: no request fails,
//! nothing dangles afterwards, and who pulls hardly notices.

mod latency;
mod load;
mod stock;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Anonymous, Registry, Truth};
use serde_json::Value;

use self::latency::Latencies;
use self::load::{mount, pull, push};
use self::stock::Stock;
use crate::{complete, is_long};

/// How short a grace clients of a busy machine still keep.
const GRACE: Duration = Duration::from_secs(3);
/// Clients that pull.
const PULLERS: u64 = 4;
/// How long it is measured with, and without, collection.
const TURN: Duration = Duration::from_secs(2);
/// What a pull may take longer: so much, or a quarter. That is for the long form, on a machine that does
/// nothing else.
const MARGIN: Duration = Duration::from_millis(2);
/// In the short form, which may run beside anything, so much more shows that pulls wait for collection.
const SHORT_MARGIN: Duration = Duration::from_millis(25);

/// What was measured in one turn.
struct Turn {
    p99: Duration,
    pulls: usize,
    collections: usize,
    removed: u64,
}

/// Everybody works for a while, with collection or without.
fn turn(registry: &Registry, stock: &Stock, seed: u64, collects: bool) -> Turn {
    let done = AtomicBool::new(false);
    let goes_on = || !done.load(Ordering::Relaxed);
    let client = registry.client();
    thread::scope(|scope| {
        let goes_on = &goes_on;
        let client = &client;
        let pullers: Vec<_> = (0..PULLERS)
            .map(|number| scope.spawn(move || pull(client, stock, seed + number, goes_on)))
            .collect();
        scope.spawn(move || push(client, stock, seed + PULLERS, goes_on));
        scope.spawn(move || mount(client, stock, seed + PULLERS + 1, goes_on));
        let end = Instant::now() + TURN;
        let (collections, removed) = if collects {
            collect(registry, end)
        } else {
            thread::sleep(TURN);
            (0, 0)
        };
        done.store(true, Ordering::Relaxed);
        let all = pullers
            .into_iter()
            .map(|puller| puller.join().expect("no pull fails"));
        let latencies: Latencies = all.flatten().collect();
        Turn {
            p99: latencies.p99(),
            pulls: latencies.count(),
            collections,
            removed,
        }
    })
}

/// Collects again and again: how often, and how many blobs went.
fn collect(registry: &Registry, end: Instant) -> (usize, u64) {
    let (mut collections, mut removed) = (0, 0);
    while Instant::now() < end {
        let report = registry.command(&["store", "gc", "--json"], "").ok();
        let report: Value = serde_json::from_str(&report).expect("one JSON document");
        collections += 1;
        removed += report["removedBlobs"].as_u64().expect("a number");
    }
    (collections, removed)
}

fn median(turns: &[Turn]) -> Duration {
    let mut all: Vec<_> = turns.iter().map(|turn| turn.p99).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn who_pulls_hardly_notices_a_collection_and_nothing_dangles_after_it() {
    let mut registry = Registry::with()
        .config(format!("[storage]\ngc_grace = \"{}s\"\n", GRACE.as_secs()))
        .anonymous(Anonymous::Push)
        .start();
    let stock = Stock::push(&registry);
    // The one collection that comes by itself, a grace after the start, shall not fall into a turn.
    thread::sleep(GRACE);
    let rounds = if is_long() { 31 } else { 9 };
    let (mut quiet, mut collecting) = (Vec::new(), Vec::new());

    for round in 0..rounds {
        quiet.push(turn(&registry, &stock, 100 * round, false));
        collecting.push(turn(&registry, &stock, 100 * round + 50, true));
        let (without, with) = (&quiet[quiet.len() - 1], &collecting[collecting.len() - 1]);
        println!(
            "round {}: p99 of {} pulls {:.2?}, of {} pulls during {} collections {:.2?}",
            round + 1,
            without.pulls,
            without.p99,
            with.pulls,
            with.collections,
            with.p99
        );
    }

    let removed: u64 = collecting.iter().map(|turn| turn.removed).sum();
    let (quiet, collecting) = (median(&quiet), median(&collecting));
    println!(
        "median p99 of pulls: {quiet:.2?}, during collections {collecting:.2?}; {removed} blobs went"
    );
    assert!(removed > 0, "nothing was there to collect");
    registry.command(&["store", "scrub"], "").ok();
    registry.stop();
    let truth = Truth::of(registry.data()).no_uploads();
    complete::check(&truth, registry.data());
    stock.check(&truth);
    let margin = if is_long() { MARGIN } else { SHORT_MARGIN };
    let limit = (quiet + margin).max(quiet * 5 / 4);
    assert!(collecting <= limit, "{collecting:.2?} > {limit:.2?}");
}
