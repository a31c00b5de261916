//! How much memory the registry takes: idle, with one transfer of 1 GiB, and with eight at once.

use std::thread;
use std::time::Instant;

use harness::{Anonymous, Client, Digest, Noise, Registry, Truth};
use http::Method;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// What it may take at most, whatever it does.
const BUSY: u64 = 64 * MIB;
/// What it may take when nobody asks for anything.
const IDLE: u64 = 20 * MIB;
/// Transfers at once.
const MANY: u64 = 8;

/// Content that is pushed and pulled, hashed once.
struct Load {
    noise: Noise,
    digest: Digest,
}

impl Load {
    fn new(seed: u64, length: u64) -> Self {
        let noise = Noise::new(seed, length);
        let digest = noise.digest();
        Self { noise, digest }
    }

    #[track_caller]
    fn push(&self, client: &Client) {
        let location = client.start_upload("a/b");
        client
            .finish_upload(&location, &self.digest, &self.noise)
            .expect(201);
    }

    #[track_caller]
    fn pull(&self, client: &Client) {
        let path = format!("/v2/a/b/blobs/{}", self.digest);
        let download = client.request(Method::GET, path).download();
        assert_eq!(download.digest, self.digest);
    }
}

/// Says how much memory was taken so far and insists on the limit.
#[track_caller]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn peak(registry: &mut Registry, what: &str, begun: Instant) {
    let peak = registry.server().peak();
    let took = begun.elapsed();
    println!(
        "{what}: at most {:.1} MiB resident, in {took:.1?}",
        mib(peak)
    );
    assert!(peak < BUSY, "{what}: {:.1} MiB", mib(peak));
}

fn mib(bytes: u64) -> f64 {
    let kib = u32::try_from(bytes / 1024).expect("less than 4 TiB");
    f64::from(kib) / 1024.0
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn an_idle_registry_takes_less_than_20_mebibytes() {
    let mut registry = Registry::start();
    registry.client().get("/healthz").expect(200);

    let resident = registry.server().resident();

    println!("idle: {:.1} MiB resident", mib(resident));
    assert!(resident < IDLE, "{:.1} MiB", mib(resident));
    registry.finish();
}

#[test]
fn a_gibibyte_pushed_and_pulled_takes_less_than_64_mebibytes() {
    let mut registry = Registry::with().anonymous(Anonymous::Push).start();
    let client = registry.client();
    let load = Load::new(1, GIB);

    let begun = Instant::now();
    load.push(&client);
    peak(&mut registry, "1 GiB pushed over TLS", begun);
    let begun = Instant::now();
    load.pull(&client);
    peak(&mut registry, "1 GiB pulled over TLS", begun);
    registry.stop();
    Truth::of(registry.data()).no_uploads();
}

#[test]
fn eight_transfers_at_once_take_less_than_64_mebibytes() {
    let mut registry = Registry::with().anonymous(Anonymous::Push).start();
    let client = registry.client();
    let http2 = client.clone().http2();
    let loads: Vec<_> = (0..MANY).map(|seed| Load::new(seed, GIB / MANY)).collect();
    let each = |work: &(dyn Fn(&Load) + Sync)| {
        thread::scope(|scope| {
            for load in &loads {
                scope.spawn(move || work(load));
            }
        });
    };

    let begun = Instant::now();
    each(&|load| load.push(&client));
    peak(
        &mut registry,
        "8 pushes at once, 1 GiB together, over TLS",
        begun,
    );
    let begun = Instant::now();
    each(&|load| load.pull(&client));
    peak(
        &mut registry,
        "8 pulls at once, 1 GiB together, over TLS",
        begun,
    );
    let begun = Instant::now();
    each(&|load| load.pull(&http2));
    peak(
        &mut registry,
        "8 pulls at once, 1 GiB together, over HTTP/2",
        begun,
    );
    registry.stop();
    Truth::of(registry.data()).no_uploads();
}
