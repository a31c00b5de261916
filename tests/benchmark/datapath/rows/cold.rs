//! A crowd asks at once for a blob that is not here yet, beside a cache of nginx before the same upstream.
//!
//! The upstream sends as fast as a good line does, not as fast as loopback: a client that waits for the
//! whole blob is then seen to wait.

use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use harness::upstream::{Asked, Subject};
use harness::{Digest, Fault, Format, Image, Noise, Upstream};

use crate::bench::Bench;
use crate::download::discard;
use crate::fleet::{self, Cache, Fleet};
use crate::machine::Machine;
use crate::sample::{Figure, Sample, Watch, float};
use crate::target::{NGINX, ROADSTEAD, Target};
use crate::wire::{Wire, get};

const CLIENTS: usize = 16;
/// The blob, at most, in bytes.
const BLOB: u64 = 64 << 20;
/// What the upstream sends at once, and how long it waits before each: at most 128 MiB in a second.
const PIECE: usize = 64 << 10;
const PAUSE: Duration = Duration::from_micros(488);

const NAME: &str = "up.example";
const REPOSITORY: &str = "team/app";
/// Where the seeds begin; no other content has them.
const SEEDS: u64 = 200_000;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet, machine: &Machine) {
    if !bench.options.wants("cold") {
        return;
    }
    let upstream = Upstream::start();
    upstream.when(|asked| {
        let is_blob = matches!(asked.subject(), Subject::Blob(..));
        is_blob.then_some(Fault::Drip(PIECE, PAUSE))
    });
    machine.pin_servers();
    let registry = fleet::before(NAME, &upstream.url());
    let cache = fleet.cache_before(upstream.address());
    machine.pin_client();
    let registry_target = Target::plain(ROADSTEAD, registry.id(), registry.plain_address());
    let mut targets = vec![registry_target];
    targets.extend(cache.as_ref().map(target_of));
    let size = bench.options.large.min(BLOB);
    let title = format!(
        "Cold pull-through of a blob of {} MiB by {CLIENTS} clients at once, plain, from an upstream that \
         sends 128 MiB/s, beside proxy_cache with cache_lock",
        size >> 20
    );
    bench.row("cold", title, &targets, |target, turn| {
        let seed = SEEDS + 2 * turn.round as u64 + u64::from(target.name == NGINX);
        let layer = Noise::new(seed, size).bytes();
        let digest = Digest::of(&layer);
        let config = format!("{{\"author\":\"{seed}\"}}");
        let image = Image::assemble(Format::Oci, config.into(), vec![layer]);
        upstream.put(REPOSITORY, &seed.to_string(), &image);
        let prefix = if target.name == ROADSTEAD {
            // As clients do, who learn of the blob from it.
            learn(target, &format!("/v2/{NAME}/{REPOSITORY}/manifests/{seed}"));
            format!("{NAME}/")
        } else {
            String::new()
        };
        machine.settle();
        let path = format!("/v2/{prefix}{REPOSITORY}/blobs/{digest}");
        let sample = crowd(target, &path, size, &|| fetches(&upstream, &digest));
        upstream.remove_repository(REPOSITORY);
        sample
    });
}

fn target_of(cache: &Cache) -> Target {
    Target::plain(NGINX, cache.pid(), cache.address)
}

/// When the upstream was asked for this blob.
fn fetches(upstream: &Upstream, digest: &Digest) -> Vec<Instant> {
    let blob = Subject::Blob(REPOSITORY, digest.as_str());
    let is_fetch = |asked: &&Asked| asked.subject() == blob && asked.method == http::Method::GET;
    let asked = upstream.asked();
    asked
        .iter()
        .filter(is_fetch)
        .map(|asked| asked.at)
        .collect()
}

fn learn(target: &Target, path: &str) {
    let mut wire = Wire::connect(target);
    wire.send(&get(target, path));
    wire.finish(200, path);
}

/// All ask at once. The first byte that counts is that of the last client to get one, reckoned from when
/// the upstream was asked: it answers at once.
fn crowd(target: &Target, path: &str, size: u64, fetches: &dyn Fn() -> Vec<Instant>) -> Sample {
    let together = Barrier::new(CLIENTS);
    let watch = Watch::begin(target.pid);
    let last_first_byte = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut wire = Wire::connect(target);
                    together.wait();
                    wire.send(&get(target, path));
                    let answer = wire.answer();
                    assert_eq!((answer.status, answer.length), (200, size), "{path}");
                    let (socket, come) = wire.into_plain();
                    drain(&socket, come, size)
                })
            })
            .collect();
        let first_bytes = clients.into_iter();
        let first_bytes = first_bytes.map(|client| client.join().expect("a client does not fail"));
        first_bytes.max().expect("there are clients")
    });
    let sample = watch.end();
    let seconds = sample.0[&Figure::Seconds];
    let fetches = fetches();
    let asked = fetches.first().expect("the upstream was asked");
    let first_byte = last_first_byte.saturating_duration_since(*asked);
    sample
        .of_bytes(size * CLIENTS as u64)
        .with(Figure::Seconds, seconds)
        .with(Figure::FirstByte, first_byte.as_secs_f64() * 1e3)
        .with(Figure::Fetches, float(fetches.len() as u64))
}

/// Reads a body of which so much has come, and says when its first byte was here.
fn drain(socket: &TcpStream, come: u64, size: u64) -> Instant {
    let mut buffer = vec![0; 1 << 20];
    let mut come = come;
    if come == 0 {
        come = discard(socket, &mut buffer, 1);
    }
    let first = Instant::now();
    while come < size {
        let more = discard(socket, &mut buffer, size - come);
        assert!(more > 0, "a contestant hung up in the middle of a blob");
        come += more;
    }
    first
}
