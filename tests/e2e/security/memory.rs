//! Bodies made to fill the memory (CVE-2017-11468): what is read as a whole has a bound, however long it
//! says it is, and however many come at once.

use std::thread;

use bytes::Bytes;
use harness::{Client, Registry};

use crate::nothing::registry_is_empty;

const MIB: u64 = 1024 * 1024;
/// What the body would have at its end.
const GIB: u64 = 1024 * MIB;
/// What the registry may take meanwhile: what the README promises for all it does.
const LIMIT: u64 = 64 * MIB;

/// Sends a body of 1 GiB in chunks, for as long as the registry takes them.
fn endless(client: &Client, path: &str, kind: &str) -> u64 {
    let mut connection = client.connect();
    connection.send(format!(
        "PUT {path} HTTP/1.1\r\n{}Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n",
        client.raw_headers()
    ));
    let piece = vec![b' '; 1024 * 1024];
    let chunk: Bytes = [b"100000\r\n".as_slice(), &piece, b"\r\n"].concat().into();
    let taken = (0..GIB / MIB).take_while(|_| connection.try_send(&chunk).is_ok());
    taken.count() as u64 * MIB
}

#[test]
fn a_manifest_of_a_gibibyte_takes_no_memory_worth_speaking_of() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let kind = harness::media_type::OCI_INDEX;

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| endless(&client, "/v2/a/b/manifests/1", kind));
        }
        // Refused by its announced length alone.
        let announced = format!(
            "PUT /v2/a/b/manifests/1 HTTP/1.1\r\n{}Content-Type: {kind}\r\n\
             Content-Length: {GIB}\r\nExpect: 100-continue\r\n\r\n",
            client.raw_headers()
        );
        let mut connection = client.connect();
        connection.send(announced);
        let head = connection.head();
        assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    });

    let peak = registry.server().peak();
    assert!(peak < LIMIT, "{} MiB", peak / MIB);
    registry_is_empty(registry);
}

#[test]
fn a_form_for_a_token_of_a_gibibyte_takes_none_either() {
    let mut registry = Registry::open();
    let client = registry.plain();

    let mut connection = client.connect();
    connection.send(format!(
        "POST /token HTTP/1.1\r\n{}Content-Type: application/x-www-form-urlencoded\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        client.raw_headers()
    ));
    let chunk = format!("100000\r\n{}\r\n", "scope=x&".repeat(128 * 1024));
    let cut = (0..GIB / MIB).any(|_| connection.try_send(&chunk).is_err());

    assert!(cut, "a gibibyte was taken");
    let peak = registry.server().peak();
    assert!(peak < LIMIT, "{} MiB", peak / MIB);
    registry_is_empty(registry);
}
