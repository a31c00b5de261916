//! Large downloads that are thrown away in the kernel, so that what they cost is what the server pays.
//!
//! Over TLS the client shakes hands and asks, and then throws the ciphertext away until the connection
//! ends: it never decrypts. That the bytes are right was checked before.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};

use crate::sample::{Sample, Watch};
use crate::target::Target;
use crate::wire::{Wire, get, request};

/// What is thrown away at once.
const PIECE: usize = 1 << 20;

/// Downloads a blob of `length` bytes over and over on this many connections for as long as `window`;
/// what has begun is finished.
pub(crate) fn again(
    target: &Target,
    path: &str,
    length: u64,
    connections: u64,
    window: Duration,
) -> Sample {
    let watch = Watch::begin(target.pid);
    let end = Instant::now() + window;
    let count: u64 = thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(move || {
                    let mut count = 0;
                    while count == 0 || Instant::now() < end {
                        once(target, path, length);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let counts = clients.into_iter();
        counts
            .map(|client| client.join().expect("a client does not fail"))
            .sum()
    });
    watch.end().of_bytes(count * length)
}

/// Downloads a blob.
pub(crate) fn once(target: &Target, path: &str, length: u64) {
    if target.trust.is_some() {
        sealed(target, path, length);
    } else {
        open(target, path, length);
    }
}

fn open(target: &Target, path: &str, length: u64) {
    let mut wire = Wire::connect(target);
    wire.send(&get(target, path));
    let answer = wire.answer();
    assert_eq!((answer.status, answer.length), (200, length), "{path}");
    let (socket, mut come) = wire.into_plain();
    let mut buffer = vec![0; PIECE];
    while come < length {
        let more = discard(&socket, &mut buffer, length - come);
        assert!(more > 0, "a contestant hung up in the middle of a blob");
        come += more;
    }
}

fn sealed(target: &Target, path: &str, length: u64) {
    let mut wire = Wire::connect(target);
    let close = request(target, "GET", path, "connection: close\r\n");
    wire.send(close.as_bytes());
    let socket = wire.into_socket();
    let mut buffer = vec![0; PIECE];
    let mut come = 0;
    loop {
        match discard(&socket, &mut buffer, u64::MAX) {
            0 => break,
            more => come += more,
        }
    }
    // Head and records cost a little more than the blob, and an error is much shorter.
    let expected = length..length + length / 20 + 100_000;
    assert!(expected.contains(&come), "{come} bytes of {path}");
}

/// Throws away what has come, at most `limit` bytes. None at the end.
pub(crate) fn discard(socket: &TcpStream, buffer: &mut [u8], limit: u64) -> u64 {
    let most = usize::try_from(limit).map_or(buffer.len(), |limit| limit.min(buffer.len()));
    let received = recv(socket, &mut buffer[..most], RecvFlags::TRUNC);
    let (_, come) = received.expect("a contestant sends");
    come as u64
}
