//! Chunks with `Content-Range` (end-5): taken in order and whole, or not at all.

use bytes::Bytes;
use harness::{Body, Client, Digest, Noise, Registry, Response, with_query};
use http::Method;

const BYTES: usize = 30_000;

fn bytes() -> Bytes {
    Noise::new(1, BYTES as u64).bytes()
}

/// Sends a body under this `Content-Range`, fitting or not.
fn claim(client: &Client, location: &str, range: &str, body: impl Into<Body>) -> Response {
    let request = client.request(Method::PATCH, location).octets();
    request.header("content-range", range).body(body).send()
}

/// Insists that the upload holds this many bytes.
#[track_caller]
fn holds(client: &Client, location: &str, count: usize) {
    let range = format!("0-{}", count.saturating_sub(1));
    client.get(location).expect(204).has("range", &range);
}

#[test]
fn chunks_in_order_make_a_blob() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = bytes();
    let mut location = client.start_upload("a/b");

    for start in (0..BYTES).step_by(7_000) {
        let end = BYTES.min(start + 7_000);
        let answer = client
            .chunk(&location, start, &bytes.slice(start..end))
            .expect(202);
        location = answer.has("range", &format!("0-{}", end - 1)).location();
    }
    let digest = Digest::of(&bytes);
    client.finish_upload(&location, &digest, "").expect(201);

    assert_eq!(client.blob("a/b", &digest).expect(200).body, bytes);
    registry.finish().no_uploads();
}

#[test]
fn a_chunk_out_of_order_is_refused_and_the_upload_goes_on() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = bytes();
    let location = client.start_upload("a/b");
    client
        .chunk(&location, 0, &bytes.slice(..10_000))
        .expect(202);

    // A gap, a repetition, an overlap: each refusal says where to go on.
    for start in [20_000, 0, 9_999, 10_001] {
        let answer = client.chunk(&location, start, &bytes.slice(start..start + 5_000));
        let answer = answer.expect(416).has("range", "0-9999");
        holds(&client, &answer.location(), 10_000);
    }
    client
        .chunk(&location, 10_000, &bytes.slice(10_000..))
        .expect(202);
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    registry.finish().no_uploads();
}

/// "Nothing" has no range, and regclient takes `0-0` for one byte: the answer is silent there.
#[test]
fn a_first_chunk_that_does_not_begin_at_the_beginning_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = bytes();
    let location = client.start_upload("a/b");

    let answer = client
        .chunk(&location, 1, &bytes.slice(1..))
        .expect(416)
        .lacks("range");

    let location = answer.location();
    client.chunk(&location, 0, &bytes).expect(202);
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn a_chunk_that_is_not_as_long_as_it_says_leaves_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = bytes();
    let location = client.start_upload("a/b");
    client
        .chunk(&location, 0, &bytes.slice(..10_000))
        .expect(202);

    for (range, length) in [
        ("10000-19999", 9_999),
        ("10000-19999", 10_001),
        ("10000-10000", 0),
    ] {
        let body = bytes.slice(10_000..10_000 + length);
        claim(&client, &location, range, &body).refused(400, "SIZE_INVALID");
        holds(&client, &location, 10_000);
        let pieces = Body::chunked(std::iter::once(body));
        claim(&client, &location, range, pieces).refused(400, "SIZE_INVALID");
        holds(&client, &location, 10_000);
    }
    client
        .chunk(&location, 10_000, &bytes.slice(10_000..))
        .expect(202);
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn a_range_that_is_none_leaves_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let location = client.start_upload("a/b");

    for range in [
        "", "0", "a-b", "-5", "0-", "5-0", "bytes", "0-4-5", "0x0-0x4", "+0-4",
    ] {
        let answer = claim(&client, &location, range, "01234");
        assert!(
            matches!(answer.status.as_u16(), 400 | 416),
            "{range}: {answer}"
        );
        client.get(&location).expect(204);
    }
    let huge = claim(&client, &location, "0-99999999999999999999999999", "01234");
    assert!(matches!(huge.status.as_u16(), 400 | 416), "{huge}");
    client
        .finish_upload(&location, &Digest::of(b""), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn the_form_of_plain_http_is_understood_as_well() {
    let registry = Registry::open();
    let client = registry.plain();
    let location = client.start_upload("a/b");

    claim(&client, &location, "bytes 0-4/10", "01234")
        .expect(202)
        .has("range", "0-4");
    claim(&client, &location, "bytes 5-9/*", "56789")
        .expect(202)
        .has("range", "0-9");
    client
        .finish_upload(&location, &Digest::of(b"0123456789"), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn the_last_chunk_may_come_with_the_closing_put_in_its_place_only() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = bytes();
    let location = client.start_upload("a/b");
    client
        .chunk(&location, 0, &bytes.slice(..10_000))
        .expect(202);
    let close = |start: usize| {
        let path = with_query(&location, &format!("digest={}", Digest::of(&bytes)));
        let request = client.request(Method::PUT, path).octets();
        let range = format!("{start}-{}", BYTES - 1);
        request
            .header("content-range", range)
            .body(bytes.slice(start..))
            .send()
    };

    close(20_000).expect(416).has("range", "0-9999");
    close(0).expect(416);
    holds(&client, &location, 10_000);
    close(10_000).expect(201);
    assert_eq!(
        client.blob("a/b", &Digest::of(&bytes)).expect(200).body,
        bytes
    );
    registry.finish().no_uploads();
}
