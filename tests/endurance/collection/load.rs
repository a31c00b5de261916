//! What clients do meanwhile: pull, push and delete again, mount.

use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::{Chance, Client, Digest, Session};
use http::Method;

use super::stock::{LAYERS, Pusher, Stock};

/// A client's pause between two requests. Without it the machine would be busy to the brim with the
/// tests themselves, and whatever else ran would be felt.
const PAUSE: Duration = Duration::from_millis(4);

/// Images of a pusher that stay; an older one is deleted for each that comes.
const KEPT: usize = 3;

/// Pulls images, each with its configuration and one layer, and measures each request.
pub(super) fn pull(
    client: &Client,
    stock: &Stock,
    seed: u64,
    goes_on: &dyn Fn() -> bool,
) -> Vec<Duration> {
    let mut chance = Chance::new(seed);
    let mut session = Session::of(client);
    let mut get = |path: String, digest: &Digest| {
        let begun = Instant::now();
        let answer = client.request(Method::GET, path).over(&mut session);
        let took = begun.elapsed();
        let answer = answer.expect("an answer").expect(200);
        assert_eq!(Digest::of(&answer.body), *digest);
        sleep(PAUSE);
        took
    };
    let mut times = Vec::new();
    while goes_on() {
        let (name, image) = stock.some(&mut chance);
        let digest = image.digest();
        times.push(get(format!("/v2/{name}/manifests/{digest}"), &digest));
        for blob in [Digest::of(&image.config), stock.layer(&mut chance)] {
            times.push(get(format!("/v2/{name}/blobs/{blob}"), &blob));
        }
    }
    times
}

/// Pushes images and deletes all but the latest, so that there is something to collect.
pub(super) fn push(client: &Client, stock: &Stock, seed: u64, goes_on: &dyn Fn() -> bool) {
    let mut pusher = Pusher::new(client);
    let repository = format!("pushed/r{seed}");
    let mut kept = Vec::new();
    for number in 0.. {
        if !goes_on() {
            break;
        }
        let image = stock.image(&format!("{seed} {number}"));
        pusher.push(&repository, &image);
        sleep(PAUSE);
        kept.push(image);
        if kept.len() > KEPT {
            pusher.delete(&repository, &kept.remove(0));
        }
    }
}

/// Mounts shared layers into ever new repositories, and finds them there.
pub(super) fn mount(client: &Client, stock: &Stock, seed: u64, goes_on: &dyn Fn() -> bool) {
    let mut chance = Chance::new(seed);
    let mut session = Session::of(client);
    let mut ask = |method: Method, path: String, status: u16| {
        let answer = client.request(method, path).over(&mut session);
        answer.expect("an answer").expect(status);
        sleep(PAUSE);
    };
    while goes_on() {
        let repository = format!("mounted/r{}", chance.below(50));
        let layer = stock.layer(&mut chance);
        let path = format!("/v2/{repository}/blobs/uploads/?mount={layer}&from={LAYERS}");
        ask(Method::POST, path, 201);
        ask(Method::HEAD, format!("/v2/{repository}/blobs/{layer}"), 200);
    }
}
