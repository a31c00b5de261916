//! Headers and queries that are too many, too large or too old.

use harness::{Noise, Registry};
use http::Method;

use crate::nothing::registry_is_empty;

#[test]
fn thousands_of_ranges_cost_no_more_than_the_whole() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 50_000).bytes();
    let digest = client.push_blob("a/b", &bytes);
    let ask = |ranges: String| {
        let request = client.request(Method::GET, format!("/v2/a/b/blobs/{digest}"));
        request.header("range", format!("bytes={ranges}")).send()
    };

    // Beyond a limit the answer is anything but 416, which clients take for the end.
    let many: Vec<_> = (0..5000).map(|n| format!("{n}-{n}")).collect();
    let answer = ask(many.join(","));
    assert!(
        matches!(answer.status.as_u16(), 200 | 400 | 431),
        "{}",
        answer.status
    );
    // The same bytes over and over never make the answer many times the blob.
    let answer = ask(vec!["0-"; 1000].join(","));
    assert!(
        matches!(answer.status.as_u16(), 200 | 400),
        "{}",
        answer.status
    );
    assert!(answer.body.len() < 2 * bytes.len());
    registry.finish();
}

#[test]
fn a_page_as_large_as_can_be_asked_for_costs_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    client.push_blob("a/b", &"bytes".into());

    for n in [
        "18446744073709551615",
        "9223372036854775808",
        &"9".repeat(1000),
    ] {
        client
            .get(format!("/v2/a/b/tags/list?n={n}"))
            .expect(200)
            .lacks("link");
        client
            .get(format!("/v2/_catalog?n={n}"))
            .expect(200)
            .lacks("link");
    }
    client
        .get(format!("/v2/_catalog?last={}", "z".repeat(20_000)))
        .expect(200);
    registry.finish();
}

#[test]
fn heads_that_are_too_large_are_refused_and_answered() {
    let registry = Registry::open();
    let client = registry.plain();
    let host = client.raw_headers();

    let one_huge = format!("X-Huge: {}\r\n", "x".repeat(1024 * 1024));
    let many = "X-Many: y\r\n".repeat(2000);
    for headers in [one_huge, many] {
        let mut connection = client.connect();
        let request = format!("GET /v2/ HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
        // The registry may stop listening before all is said.
        drop(connection.try_send(request));
        let answer = connection.rest();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    let long = format!("/v2/{}/tags/list", "a/".repeat(50_000));
    let answer = client.raw(format!(
        "GET {long} HTTP/1.1\r\n{host}Connection: close\r\n\r\n"
    ));
    let status = answer.get(9..12).unwrap_or_default();
    assert!(["", "400", "414", "431"].contains(&status), "{answer}");
    client.get("/v2/").expect(200);
    registry_is_empty(registry);
}

#[test]
fn requests_that_two_readers_could_cut_differently_are_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let host = client.raw_headers();
    let smuggled = "GET /v2/smuggled/tags/list HTTP/1.1\r\nHost: x\r\n\r\n";

    for lengths in [
        "Content-Length: 5\r\nContent-Length: 50\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5x\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ] {
        let mut connection = client.connect();
        drop(connection.try_send(format!(
            "POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\n{host}{lengths}\r\n{smuggled}"
        )));
        let answer = connection.rest();
        let status = answer.get(9..12).unwrap_or_default();
        assert!(
            ["", "400", "411", "501"].contains(&status),
            "{lengths}: {answer}"
        );
        assert!(
            !answer.contains("NAME_UNKNOWN"),
            "the smuggled request was heard: {answer}"
        );
    }
    registry_is_empty(registry);
}

#[test]
fn a_client_of_the_last_century_is_understood() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());

    let answer = client.raw("GET /v2/ HTTP/1.0\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"),
        "{answer}"
    );
    let answer = client.raw(format!("GET /v2/a/b/blobs/{digest} HTTP/1.0\r\n\r\n"));
    assert!(
        answer.ends_with("\r\n\r\nbytes"),
        "no chunks for HTTP/1.0: {answer}"
    );
    registry.finish();
}

#[test]
fn what_is_not_http_is_not_answered_for_long() {
    let registry = Registry::open();
    let client = registry.plain();

    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
    ] {
        let mut connection = client.connect();
        drop(connection.try_send(noise));
        let answer = connection.rest();
        let refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5");
        assert!(
            answer.is_empty() || refused || !answer.starts_with("HTTP/"),
            "{answer}"
        );
    }
    // TLS spoken to by plain HTTP.
    let mut lost = harness::Client::plain(registry.tls_address()).connect();
    lost.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
    lost.rest();
    client.get("/v2/").expect(200);
    registry_is_empty(registry);
}
