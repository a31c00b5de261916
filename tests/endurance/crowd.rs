//! A thousand pulls and two hundred pushes at once: all succeed, and the memory stays small.

use std::time::Instant;

use bytes::Bytes;
use harness::{Client, Crowd, Digest, Noise, Registry, Truth, with_query};
use http::Method;

use crate::is_long;

const MIB: u64 = 1024 * 1024;
/// What the server may take at most.
const BUSY: u64 = 150 * MIB;

const PULLS: usize = 1000;
/// Bytes of the blob that all pull.
const PULLED: u64 = 64 * MIB;
/// The same where only the number of clients matters and there is no time.
const PULLED_IN_SHORT: u64 = 8 * MIB;
const PUSHES: usize = 200;
const PUSHED: u64 = 8 * MIB;

/// Says what was measured and insists on the limit.
#[track_caller]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn peak(registry: &mut Registry, what: &str, begun: Instant) {
    let peak = registry.server().peak() / MIB;
    let took = begun.elapsed();
    println!("{what}: at most {peak} MiB resident, in {took:.1?}");
    assert!(peak < BUSY / MIB, "{what}: {peak} MiB");
}

/// Every member of a crowd pulls the same large blob.
#[track_caller]
fn a_thousand_pulls(registry: &mut Registry, client: &Client, length: u64, how: &str) {
    let noise = Noise::new(1, length);
    let digest = client.push_noise("a/b", &noise);
    let path = format!("/v2/a/b/blobs/{digest}");
    let content = noise.bytes();
    let mut crowd = Crowd::gather(client, PULLS);

    let begun = Instant::now();
    crowd.ask(200, &content, |_| client.request(Method::GET, &path));

    let what = format!("{PULLS} pulls of {} MiB at once over {how}", length / MIB);
    peak(registry, &what, begun);
}

#[test]
fn a_thousand_pulls_at_once_over_tls_take_less_than_150_mebibytes() {
    let mut registry = Registry::open();
    let client = registry.client();
    a_thousand_pulls(&mut registry, &client, PULLED, "TLS");
    registry.finish();
}

#[test]
fn a_thousand_pulls_at_once_take_less_than_150_mebibytes() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let length = if is_long() { PULLED } else { PULLED_IN_SHORT };
    a_thousand_pulls(&mut registry, &client, length, "plain HTTP");
    registry.finish();
}

#[test]
fn two_hundred_pushes_at_once_take_less_than_150_mebibytes() {
    let mut registry = Registry::open();
    let client = registry.client();
    let blobs: Vec<_> = (0..PUSHES as u64)
        .map(|seed| {
            let noise = Noise::new(seed, PUSHED);
            let digest = noise.digest();
            (noise, digest)
        })
        .collect();
    let mut crowd = Crowd::gather(&client, PUSHES);

    let begun = Instant::now();
    let uploads = "/v2/a/b/blobs/uploads/";
    let sessions = crowd.ask(202, &Bytes::new(), |_| {
        client.request(Method::POST, uploads)
    });
    crowd.ask(201, &Bytes::new(), |number| {
        let (noise, digest) = &blobs[number];
        let path = with_query(&sessions[number], &format!("digest={digest}"));
        client.request(Method::PUT, path).octets().body(noise)
    });

    let what = format!("{PUSHES} pushes of 8 MiB at once over TLS");
    peak(&mut registry, &what, begun);
    registry.stop();
    let truth = Truth::of(registry.data()).no_uploads();
    let kept: Vec<&Digest> = truth.blobs.keys().collect();
    assert_eq!(kept.len(), PUSHES, "{kept:?}");
}
