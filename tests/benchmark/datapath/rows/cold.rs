//! A crowd asks at once for a blob that is not here yet, beside a cache of nginx before the same upstream.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use harness::upstream::Subject;
use harness::{Anonymous, Digest, Format, Image, Noise, Registry, Upstream};

use crate::download::discard;
use crate::fleet::{Fleet, NGINX, ROADSTEAD, Target};
use crate::row::{Bench, Figure, Sample, Watch, float, percentiles};
use crate::wire::{Wire, get};

const CLIENTS: usize = 16;
/// The blob, at most, in bytes.
const BLOB: u64 = 64 << 20;
const NAME: &str = "up.example";
const REPOSITORY: &str = "team/app";

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    if !bench.options.wants("cold") {
        return;
    }
    let upstream = Upstream::start();
    let config = format!(
        "[[upstream]]\nname = \"{NAME}\"\nurls = [\"{}\"]\npull_through = true\nanonymous_fill = true\n",
        upstream.url()
    );
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Pull)
        .start();
    let cache = fleet.cache_before(upstream.address());
    let mut targets = vec![target(ROADSTEAD, registry.id(), registry.plain_address())];
    targets.extend(
        cache
            .as_ref()
            .map(|cache| target(NGINX, cache.pid(), cache.address)),
    );
    let size = bench.options.large.min(BLOB);
    let title = format!(
        "Cold pull-through of a blob of {} MiB by {CLIENTS} clients at once, plain, beside proxy_cache with \
         cache_lock",
        size >> 20
    );
    bench.row("cold", &title, &targets, |target, round| {
        let seed = 20_000 + 2 * round as u64 + u64::from(target.name == NGINX);
        let layer = Noise::new(seed, size).bytes();
        let digest = Digest::of(&layer);
        let image = Image::assemble(Format::Oci, "{}".into(), vec![layer]);
        upstream.put(REPOSITORY, &seed.to_string(), &image);
        let prefix = if target.name == NGINX {
            String::new()
        } else {
            // As clients do, who learn of the blob from it.
            warm(target, &format!("/v2/{NAME}/{REPOSITORY}/manifests/{seed}"));
            format!("{NAME}/")
        };
        let path = format!("/v2/{prefix}{REPOSITORY}/blobs/{digest}");
        let sample = crowd(target, &path, size);
        let fetches = upstream.count(|asked| {
            let blob = Subject::Blob(REPOSITORY, digest.as_str());
            asked.subject() == blob && asked.method == http::Method::GET
        });
        let first = first_byte_of(&upstream, &digest);
        upstream.remove_repository(REPOSITORY);
        let late = sample.0[&Figure::FirstByte] - first;
        sample
            .with(Figure::FirstByte, late)
            .with(Figure::Fetches, float(fetches as u64))
    });
}

fn target(name: &'static str, pid: u32, address: std::net::SocketAddr) -> Target {
    Target {
        name,
        pid,
        address,
        tls: None,
        token: None,
    }
}

fn warm(target: &Target, path: &str) {
    let mut wire = Wire::connect(target);
    wire.send(&get(target, path));
    let answer = wire.answer();
    wire.skip(answer.length);
    assert_eq!(answer.status, 200, "{path}");
}

/// All ask at once; the first byte that counts is that of the last client to get one.
fn crowd(target: &Target, path: &str, size: u64) -> Sample {
    let together = Barrier::new(CLIENTS);
    let watch = Watch::begin(target);
    let begun = Instant::now();
    let first_bytes: Vec<f32> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut wire = Wire::connect(target);
                    together.wait();
                    let asked = Instant::now();
                    wire.send(&get(target, path));
                    let answer = wire.answer();
                    assert_eq!((answer.status, answer.length), (200, size), "{path}");
                    let (socket, mut come) = wire.into_plain();
                    let mut buffer = vec![0; 1 << 20];
                    if come == 0 {
                        come = discard(&socket, &mut buffer[..1], 1);
                    }
                    let first = asked.elapsed().as_secs_f32();
                    while come < size {
                        let more = discard(&socket, &mut buffer, size - come);
                        assert!(more > 0, "a contestant hung up in the middle of a blob");
                        come += more;
                    }
                    first
                })
            })
            .collect();
        let first = clients
            .into_iter()
            .map(|client| client.join().expect("a client does not fail"));
        first.collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let last = first_bytes.iter().copied().fold(0.0, f32::max);
    let (p50, _) = percentiles(first_bytes);
    watch
        .end(vec![0.0])
        .only(&[Figure::Cpu, Figure::Resident])
        .with(Figure::Seconds, seconds)
        .with(Figure::P50, p50 * 1e3)
        .with(Figure::FirstByte, f64::from(last) * 1e3)
}

/// How long the upstream itself takes for a first byte, in milliseconds.
fn first_byte_of(upstream: &Upstream, digest: &Digest) -> f64 {
    let direct = target("upstream", std::process::id(), upstream.address());
    let mut wire = Wire::connect(&direct);
    let asked = Instant::now();
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    wire.send(&get(&direct, &path));
    assert_eq!(wire.answer().status, 200, "{path}");
    asked.elapsed().as_secs_f64() * 1e3
}
