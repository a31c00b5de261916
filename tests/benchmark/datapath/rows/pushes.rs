//! Pushes: one large blob, and many small ones. What is pushed is new each time.

use std::thread;
use std::time::Instant;

use bytes::Bytes;
use harness::{Digest, Noise};

use crate::content::{REPOSITORY, SMALL};
use crate::fleet::{Fleet, Login, Target, Transport};
use crate::row::{Bench, Sample, Watch};
use crate::wire::{Wire, request};

const BLOBS: usize = 400;
const CONNECTIONS: usize = 8;
/// No other content begins so.
const SEEDS: u64 = 10_000;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    let large = bench.options.large;
    let targets = fleet.registries(Transport::Plain, Login::Token, REPOSITORY);
    let title = format!(
        "Push of a blob of {} MiB, plain, one connection",
        large >> 20
    );
    bench.row("push-large", &title, &targets, |target, round| {
        let content = Noise::new(SEEDS + round as u64, large);
        push_large(target, &content)
    });
    let title = format!("Push of {BLOBS} blobs of 10 KiB, plain, {CONNECTIONS} connections");
    bench.row("push-small", &title, &targets, |target, round| {
        let first = SEEDS * 2 + (round * BLOBS) as u64;
        let blobs: Vec<_> = (0..BLOBS as u64)
            .map(|number| {
                let bytes = Noise::new(first + number, SMALL).bytes();
                (Digest::of(&bytes), bytes)
            })
            .collect();
        push_small(target, &blobs)
    });
}

fn push_large(target: &Target, content: &Noise) -> Sample {
    let (digest, pieces): (_, Vec<_>) = (content.digest(), content.chunks().collect());
    let mut wire = Wire::connect(target);
    let watch = Watch::begin(target);
    let begun = Instant::now();
    push(&mut wire, target, &digest, &pieces);
    let latencies = vec![begun.elapsed().as_secs_f32()];
    watch.end(latencies).carrying(content.len())
}

fn push_small(target: &Target, blobs: &[(Digest, Bytes)]) -> Sample {
    let wires: Vec<_> = (0..CONNECTIONS).map(|_| Wire::connect(target)).collect();
    let watch = Watch::begin(target);
    let latencies = thread::scope(|scope| {
        let shares = blobs.chunks(blobs.len().div_ceil(CONNECTIONS));
        let pushing: Vec<_> = wires
            .into_iter()
            .zip(shares)
            .map(|(mut wire, share)| {
                scope.spawn(move || {
                    let one = |(digest, bytes): &(Digest, Bytes)| {
                        let begun = Instant::now();
                        push(&mut wire, target, digest, std::slice::from_ref(bytes));
                        begun.elapsed().as_secs_f32()
                    };
                    share.iter().map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        let pushed = pushing
            .into_iter()
            .map(|one| one.join().expect("a client does not fail"));
        pushed.collect::<Vec<_>>().concat()
    });
    watch.end(latencies)
}

/// POST and PUT, as the specification has it (end-4a and end-6).
fn push(wire: &mut Wire, target: &Target, digest: &Digest, pieces: &[Bytes]) {
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/");
    wire.send(request(target, "POST", &path, "content-length: 0\r\n").as_bytes());
    let begun = wire.answer();
    wire.skip(begun.length);
    assert_eq!(begun.status, 202, "an upload begins");
    let location = begun.location.expect("an upload is somewhere");
    let location = harness::with_query(&location, &format!("digest={digest}"));
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let more = format!("content-type: application/octet-stream\r\ncontent-length: {length}\r\n");
    let head = request(target, "PUT", &location, &more);
    match pieces {
        // As one packet, as clients do with what is small.
        [piece] => wire.send(&[head.as_bytes(), piece].concat()),
        _ => {
            wire.send(head.as_bytes());
            pieces.iter().for_each(|piece| wire.send(piece));
        }
    }
    let ended = wire.answer();
    wire.skip(ended.length);
    assert_eq!(ended.status, 201, "an upload ends");
}
