//! Random operations of several clients at once, compared with what a simple model allows.
//!
//! Tags must behave as linearizable registers; images stay until they are deleted; blobs stay as long as
//! they are promised or needed. Collection, scrub and the rebuild of the index go on all the while. When all
//! clients rest, everything is compared, and the store is opened anew, after a stop in order or without.
//!
//! `ROADSTEAD_LONG=1` does a million operations. What each client does follows from the seed, which is
//! printed and can be given in `ROADSTEAD_SEED`; how their steps fall together does not.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod moving_tag;
mod random;
mod register;
mod rest;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use client::{Client, live};
use rest::Tags;
use tokio::task::JoinSet;
use world::{GRACE, Register, World};

/// Clients at once.
const CLIENTS: usize = 6;
/// The one who looks at everything when the others rest.
const INSPECTOR: usize = CLIENTS;

/// Takes away, looks through and lists anew, again and again; time goes by meanwhile.
async fn maintain(world: Arc<World>, rested: Arc<AtomicBool>) -> u64 {
    let store = &world.store;
    for turn in 1.. {
        world.pass(GRACE / 8);
        let collected = store.collect(false, Arc::default(), |_| {}).await;
        collected.expect("collects");
        if turn % 4 == 0 {
            rest::is_clean(store).await;
        }
        if turn % 7 == 0 {
            store.rebuild_index().await.expect("rebuilds");
        }
        if rested.load(Ordering::Relaxed) {
            return turn;
        }
    }
    unreachable!("it ends when the clients rest")
}

/// All clients act `acts` times each. Returns them, and how often was collected meanwhile.
async fn act(clients: Vec<Client>, world: &Arc<World>, acts: u64) -> (Vec<Client>, u64) {
    let rested = Arc::new(AtomicBool::new(false));
    let mut upkeep = JoinSet::new();
    upkeep.spawn(maintain(Arc::clone(world), Arc::clone(&rested)));
    let mut living = JoinSet::new();
    for client in clients {
        living.spawn(live(client, Arc::clone(world), acts));
    }
    let clients = living.join_all().await;
    rested.store(true, Ordering::Relaxed);
    (clients, upkeep.join_all().await.iter().sum())
}

#[expect(clippy::print_stdout, reason = "the figures are quoted in the README")]
async fn run(dir: &Path, seed: u64, rounds: u64, acts: u64) {
    let mut world = Arc::new(World::open(dir.join("data")).await);
    let mut clients: Vec<_> = (0..CLIENTS).map(|id| Client::new(id, seed)).collect();
    let mut inspector = Client::new(INSPECTOR, seed);
    let mut tags: Tags = Register::all().map(|register| (register, None)).collect();
    let (mut collections, mut judged) = (0, 0);
    for round in 1..=rounds {
        let collected;
        (clients, collected) = act(clients, &world, acts).await;
        collections += collected;
        let named = rest::look_at_tags(&world, &mut inspector).await;
        let everybody = clients.iter_mut().chain([&mut inspector]);
        let events: Vec<_> = everybody.flat_map(|client| client.seen.drain(..)).collect();
        judged += events.len();
        rest::judge(&tags, events);
        tags = named;
        rest::compare(&world, &clients, &tags).await;
        let rested = Arc::into_inner(world).expect("everybody rests");
        world = Arc::new(rested.reopen(round % 2 == 0).await);
    }
    rest::compare(&world, &clients, &tags).await;
    let done = CLIENTS as u64 * rounds * acts;
    println!(
        "{done} operations of {CLIENTS} clients, {judged} of them on tags, \
         {collections} collections meanwhile, {rounds} times opened anew"
    );
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever sees it fail needs the seed")]
fn clients_at_once_see_what_a_simple_model_allows() {
    let is_long = std::env::var_os("ROADSTEAD_LONG").is_some();
    let given = std::env::var("ROADSTEAD_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("ROADSTEAD_SEED is a number"));
    let seed = given.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.expect("it is after 1970").as_secs()
    });
    // In memory if there is such a place: it is the order of things that counts here.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let dir = dir.expect("a temporary directory");
    println!("ROADSTEAD_SEED={seed} in {}", dir.path().display());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("a runtime");
    let (rounds, acts) = if is_long { (100, 1_700) } else { (7, 500) };
    runtime.block_on(run(dir.path(), seed, rounds, acts));
}
