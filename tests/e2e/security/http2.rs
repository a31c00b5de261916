//! Floods that HTTP/2 makes cheap for whoever sends them: they cost the registry no memory, and nobody
//! else their answers.

use harness::{Client, Connection, Digest, Registry};

use super::frames::{FRAME, Frame, frame, get, open};

const MIB: u64 = 1024 * 1024;
/// What the registry may take, as for any few transfers.
const LIMIT: u64 = 64 * MIB;
/// What it may take with a thousand answers under way.
const CROWD: u64 = 150 * MIB;
/// The reason of a reset: no longer wanted (RFC 9113 section 7).
const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
/// The field that was kept last, in a head: index 62 (RFC 7541 sections 2.3.3 and 6.1).
const AGAIN: u8 = 0xbe;

/// Sends what `next` makes until the registry ends the connection; how often that was.
fn flood(connection: &mut Connection, most: u32, next: impl Fn(u32) -> Vec<u8>) -> u32 {
    let taken = (0..most).take_while(|number| connection.try_send(next(*number)).is_ok());
    u32::try_from(taken.count()).unwrap_or(u32::MAX)
}

/// Insists that others are served and that no more memory than this was taken, and ends the registry.
#[track_caller]
fn nobody_noticed(mut registry: Registry, client: &Client, digest: &Digest, limit: u64) {
    for client in [client.clone(), client.clone().http2()] {
        assert_eq!(client.blob("a/b", digest).expect(200).body, "bytes");
    }
    let peak = registry.server().peak();
    assert!(peak < limit, "{} MiB", peak / MIB);
    registry.finish();
}

fn prepared() -> (Registry, Client, Digest) {
    let registry = Registry::open();
    let client = registry.client();
    let digest = client.push_blob("a/b", &"bytes".into());
    (registry, client, digest)
}

/// CVE-2023-44487.
#[test]
fn streams_that_are_opened_and_reset_at_once_end_the_connection() {
    const MANY: u32 = 50_000;
    let (registry, client, digest) = prepared();
    let block = get(&format!("/v2/a/b/blobs/{digest}"));

    let mut connection = open(&client, &[]);
    let taken = flood(&mut connection, MANY, |number| {
        let stream = number * 2 + 1;
        [
            frame(Frame::Headers { end: true }, stream, &block),
            frame(Frame::Reset, stream, &CANCEL),
        ]
        .concat()
    });

    assert!(taken < MANY, "all {MANY} resets were taken");
    nobody_noticed(registry, &client, &digest, LIMIT);
}

/// CVE-2024-27316 and its kin.
#[test]
fn a_head_that_goes_on_and_on_ends_the_connection() {
    const MANY: u32 = 64 * 1024;
    let (registry, client, digest) = prepared();
    // Literal fields that are not kept: each adds to the head and to nothing else.
    let field = [b"\x00\x01x\x7e".as_slice(), &[b'y'; 126]].concat();
    let filler = field.repeat(FRAME / field.len());

    let mut connection = open(&client, &[]);
    connection.send(frame(Frame::Headers { end: false }, 1, &get("/v2/")));
    let taken = flood(&mut connection, MANY, |_| {
        frame(Frame::Continuation, 1, &filler)
    });
    assert!(taken < MANY, "a gibibyte of one head was taken");

    let mut connection = open(&client, &[]);
    connection.send(frame(Frame::Headers { end: false }, 1, &get("/v2/")));
    let taken = flood(&mut connection, MANY, |_| {
        frame(Frame::Continuation, 1, &[])
    });
    assert!(taken < MANY, "{MANY} empty frames were taken");

    nobody_noticed(registry, &client, &digest, LIMIT);
}

/// A field is said once and then pointed at by a byte each time (RFC 7541): 14 KiB that say 40 MiB.
#[test]
fn a_head_that_unpacks_to_far_more_than_it_weighs_is_not_unpacked() {
    let (registry, client, digest) = prepared();
    // A literal to be kept, its value 4,000 bytes long; it is the first of those that were kept.
    let kept = [b"\x40\x01x\x7f\xa1\x1e".as_slice(), &[b'y'; 4000]].concat();
    let block = [get("/v2/"), kept, vec![AGAIN; 10_000]].concat();

    for _ in 0..20 {
        let mut connection = open(&client, &[]);
        // The registry may end the connection at the first.
        flood(&mut connection, 20, |number| {
            frame(Frame::Headers { end: true }, number * 2 + 1, &block)
        });
        connection.cut();
    }

    nobody_noticed(registry, &client, &digest, LIMIT);
}

#[test]
fn pings_and_settings_without_end_cost_nothing() {
    let (registry, client, digest) = prepared();

    // Each is owed an answer, and nobody reads them.
    for kind in [Frame::Ping, Frame::Settings] {
        let mut connection = open(&client, &[]);
        let payload: &[u8] = if matches!(kind, Frame::Ping) {
            &[0; 8]
        } else {
            &[]
        };
        let many = frame(kind, 0, payload).repeat(1000);
        flood(&mut connection, 100, |_| many.clone());
        connection.cut();
    }

    nobody_noticed(registry, &client, &digest, LIMIT);
}

#[test]
fn answers_that_are_asked_for_and_never_taken_are_not_gathered() {
    let (registry, client, digest) = prepared();
    let large = client.push_noise("a/b", &harness::Noise::new(1, 16 * MIB));
    let block = get(&format!("/v2/a/b/blobs/{large}"));
    // SETTINGS_INITIAL_WINDOW_SIZE: not a byte may be sent before it is asked for.
    let no_window = [&[0, 4], 0_u32.to_be_bytes().as_slice()].concat();

    // More than ten gibibytes are asked for.
    let connections: Vec<_> = (0..32)
        .map(|_| {
            let mut connection = open(&client, &no_window);
            for number in 0..32 {
                connection.send(frame(Frame::Headers { end: true }, number * 2 + 1, &block));
            }
            connection
        })
        .collect();

    assert_eq!(client.blob("a/b", &digest).expect(200).body, "bytes");
    connections.into_iter().for_each(Connection::cut);
    nobody_noticed(registry, &client, &digest, CROWD);
}
