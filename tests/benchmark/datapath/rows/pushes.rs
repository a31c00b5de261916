//! Pushes: one large blob, and many small ones. What is pushed is new each time, and each push is over
//! when the registry has said that it is kept.

use std::slice;
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use harness::{Digest, Noise};

use crate::bench::Bench;
use crate::content::{REPOSITORY, SMALL};
use crate::fleet::Fleet;
use crate::machine::Machine;
use crate::sample::{Figure, Sample, Watch};
use crate::target::{Login, Target, Transport};
use crate::wire::{Wire, request};

const BLOBS: usize = 400;
const CONNECTIONS: usize = 8;
/// Where the seeds of each row begin; no other content has them.
const LARGE: u64 = 10_000;
const CHUNK: u64 = 20_000;
const MANY: u64 = 30_000;

/// How the bytes of a blob are sent.
#[derive(Clone, Copy)]
enum Way {
    /// POST, then all bytes in the PUT.
    Put,
    /// POST, all bytes in one PATCH, then PUT: what docker, podman and skopeo do.
    Patch,
}

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet, machine: &Machine) {
    let large = bench.options.large;
    let targets = fleet.registries(Transport::Plain, Login::Token, REPOSITORY);
    for (name, verbs, way, seeds) in [
        ("push-large", "POST, PUT", Way::Put, LARGE),
        ("push-chunk", "POST, PATCH, PUT", Way::Patch, CHUNK),
    ] {
        let title = format!(
            "Push of a blob of {} MiB, plain, with a token, one connection: {verbs}",
            large >> 20
        );
        bench.row(name, title, &targets, |target, turn| {
            let content = Noise::new(seeds + turn.round as u64, large);
            machine.settle();
            push_large(target, &content, way)
        });
    }
    let title = format!(
        "Push of {BLOBS} blobs of 10 KiB, plain, with a token, {CONNECTIONS} connections: POST, PUT"
    );
    bench.row("push-small", title, &targets, |target, turn| {
        let first = MANY + (turn.round * BLOBS) as u64;
        let blobs: Vec<_> = (0..BLOBS as u64)
            .map(|number| {
                let bytes = Noise::new(first + number, SMALL).bytes();
                (Digest::of(&bytes), bytes)
            })
            .collect();
        machine.settle();
        push_small(target, &blobs)
    });
}

fn push_large(target: &Target, content: &Noise, way: Way) -> Sample {
    let (digest, pieces): (_, Vec<_>) = (content.digest(), content.chunks().collect());
    let mut wire = Wire::connect(target);
    let watch = Watch::begin(target.pid);
    push(&mut wire, target, &digest, &pieces, way);
    watch.end().of_bytes(content.len())
}

fn push_small(target: &Target, blobs: &[(Digest, Bytes)]) -> Sample {
    let wires: Vec<_> = (0..CONNECTIONS).map(|_| Wire::connect(target)).collect();
    let watch = Watch::begin(target.pid);
    let latencies = thread::scope(|scope| {
        let shares = blobs.chunks(blobs.len().div_ceil(CONNECTIONS));
        let pushing: Vec<_> = wires
            .into_iter()
            .zip(shares)
            .map(|(mut wire, share)| {
                scope.spawn(move || {
                    let one = |(digest, bytes): &(Digest, Bytes)| {
                        let begun = Instant::now();
                        push(&mut wire, target, digest, slice::from_ref(bytes), Way::Put);
                        begun.elapsed().as_secs_f32()
                    };
                    share.iter().map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        let pushed = pushing.into_iter();
        let pushed = pushed.map(|one| one.join().expect("a client does not fail"));
        pushed.collect::<Vec<_>>().concat()
    });
    let sample = watch.end();
    let seconds = sample.0[&Figure::Seconds];
    sample.of_requests(latencies).with(Figure::Seconds, seconds)
}

/// Pushes one blob and insists on 201.
fn push(wire: &mut Wire, target: &Target, digest: &Digest, pieces: &[Bytes], way: Way) {
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/");
    wire.send(request(target, "POST", &path, "content-length: 0\r\n").as_bytes());
    let begun = wire.finish(202, "an upload begins");
    let mut location = begun.location.expect("an upload is somewhere");
    let mut rest = pieces;
    if let Way::Patch = way {
        send(wire, target, ("PATCH", &path_of(&location)), pieces);
        let taken = wire.finish(202, "an upload goes on");
        location = taken.location.expect("an upload is somewhere");
        rest = &[];
    }
    let end = harness::with_query(&path_of(&location), &format!("digest={digest}"));
    send(wire, target, ("PUT", &end), rest);
    wire.finish(201, "an upload ends");
}

fn send(wire: &mut Wire, target: &Target, (method, path): (&str, &str), pieces: &[Bytes]) {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let more = format!("content-type: application/octet-stream\r\ncontent-length: {length}\r\n");
    let head = request(target, method, path, &more);
    if let [piece] = pieces {
        // As one packet, as clients do with what is small.
        wire.send(&[head.as_bytes(), piece].concat());
        return;
    }
    wire.send(head.as_bytes());
    for piece in pieces {
        wire.send(piece);
    }
}

/// A location is a path, or a URL with one.
fn path_of(location: &str) -> String {
    match location.split_once("://") {
        None => location.to_owned(),
        Some((_, rest)) => {
            let path = rest.find('/').expect("a path behind the host");
            rest[path..].to_owned()
        }
    }
}
