//! Large downloads that are thrown away in the kernel, so that what they cost is what the server pays.
//!
//! Over TLS the client shakes hands and asks, and then throws the ciphertext away until the connection
//! ends: it never decrypts. That the bytes are right was checked before.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};

use crate::fleet::Target;
use crate::row::{Sample, Watch};
use crate::wire::{Wire, get, request};

/// What is thrown away at once.
const PIECE: usize = 1 << 20;

/// Downloads a blob of `length` bytes over and over on this many connections, until all together have `total`.
pub(crate) fn again(
    target: &Target,
    path: &str,
    length: u64,
    connections: u64,
    total: u64,
) -> Sample {
    let each = total.div_ceil(length * connections).max(1);
    once(target, path, length);
    let watch = Watch::begin(target);
    let took = thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| scope.spawn(move || (0..each).map(|_| once(target, path, length)).collect()))
            .collect();
        let took = clients
            .into_iter()
            .map(|client| client.join().expect("a client does not fail"));
        took.collect::<Vec<Vec<Duration>>>().concat()
    });
    let latencies = took.iter().map(Duration::as_secs_f32).collect();
    watch.end(latencies).carrying(each * connections * length)
}

/// Downloads a blob and says how long it took.
pub(crate) fn once(target: &Target, path: &str, length: u64) -> Duration {
    let begun = Instant::now();
    let mut wire = Wire::connect(target);
    let mut buffer = vec![0; PIECE];
    if target.tls.is_none() {
        wire.send(&get(target, path));
        let answer = wire.answer();
        assert_eq!((answer.status, answer.length), (200, length), "{path}");
        let (socket, here) = wire.into_plain();
        let mut left = length - here;
        while left > 0 {
            let come = discard(&socket, &mut buffer, left);
            assert!(come > 0, "a contestant hung up in the middle of a blob");
            left -= come;
        }
    } else {
        let close = request(target, "GET", path, "connection: close\r\n");
        wire.send(close.as_bytes());
        let socket = wire.into_socket();
        let mut come = 0;
        loop {
            match discard(&socket, &mut buffer, u64::MAX) {
                0 => break,
                more => come += more,
            }
        }
        // Head and records cost a little more than the blob, and an error much less.
        assert!(
            come > length && come < length + length / 20 + 100_000,
            "{come} bytes of {path}"
        );
    }
    begun.elapsed()
}

/// Throws away what has come, at most `limit` bytes. None at the end.
pub(crate) fn discard(socket: &TcpStream, buffer: &mut [u8], limit: u64) -> u64 {
    let most = buffer
        .len()
        .min(usize::try_from(limit).unwrap_or(usize::MAX));
    let (_, come) =
        recv(socket, &mut buffer[..most], RecvFlags::TRUNC).expect("a contestant sends");
    come as u64
}
