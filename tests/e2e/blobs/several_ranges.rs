//! Several ranges at once: one part for each, in the order asked, never merged. containers/image
//! matches the parts of a zstd:chunked layer to its request by their position.

use bytes::Bytes;
use harness::{Client, Noise, Registry, Response};
use http::Method;

/// A part as it came: its `Content-Range` and its bytes.
type Part = (String, Bytes);

fn ask(client: &Client, path: &str, ranges: &str) -> Response {
    let request = client.request(Method::GET, path);
    request.header("range", format!("bytes={ranges}")).send()
}

/// Takes a `multipart/byteranges` answer apart, by the letter of RFC 2046.
#[track_caller]
fn parts(answer: &Response) -> Vec<Part> {
    let boundary = answer
        .must("content-type")
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a multipart answer");
    assert!(
        boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "a plain boundary, for clients that do not unquote: {boundary}"
    );
    let delimiter = format!("--{boundary}");
    let mut rest = answer.body.clone();
    let mut parts = Vec::new();
    take(&mut rest, delimiter.as_bytes());
    while !rest.starts_with(b"--") {
        take(&mut rest, b"\r\n");
        let end = find(&rest, b"\r\n\r\n");
        let head = rest.split_to(end + 4);
        let head = std::str::from_utf8(&head)
            .expect("headers are text")
            .to_lowercase();
        let range = head
            .lines()
            .find_map(|line| line.strip_prefix("content-range: bytes "))
            .unwrap_or_else(|| panic!("a part without its range: {head}"));
        let (span, total) = range.split_once('/').expect("first-last/total");
        let (first, last) = span.split_once('-').expect("first-last");
        assert_eq!(number(total), 100_000);
        let length = 1 + number(last) - number(first);
        parts.push((span.to_owned(), rest.split_to(length)));
        take(&mut rest, b"\r\n");
        take(&mut rest, delimiter.as_bytes());
    }
    parts
}

#[track_caller]
fn take(rest: &mut Bytes, expected: &[u8]) {
    assert!(rest.len() >= expected.len(), "the answer ends too early");
    assert_eq!(rest.split_to(expected.len()), expected);
}

fn number(text: &str) -> usize {
    text.parse().expect("a number of bytes")
}

fn find(bytes: &[u8], pattern: &[u8]) -> usize {
    let place = bytes
        .windows(pattern.len())
        .position(|window| window == pattern);
    place.expect("an empty line after the headers of a part")
}

#[test]
fn each_range_has_its_part_in_the_order_asked() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 100_000).bytes();
    let digest = client.push_blob("a/b", &bytes);
    let path = format!("/v2/a/b/blobs/{digest}");
    let check = |ranges: &str, expected: &[(usize, usize)]| {
        let answer = ask(&client, &path, ranges)
            .expect(206)
            .lacks("content-range");
        let length = answer.body.len().to_string();
        let answer = answer.has("content-length", &length);
        let expected: Vec<Part> = expected
            .iter()
            .map(|&(first, last)| (format!("{first}-{last}"), bytes.slice(first..=last)))
            .collect();
        assert_eq!(parts(&answer), expected, "{ranges}");
    };

    check("0-9,20-29", &[(0, 9), (20, 29)]);
    check("20-29, 0-9", &[(20, 29), (0, 9)]);
    check("0-9,10-19", &[(0, 9), (10, 19)]);
    check("0-99,50-149", &[(0, 99), (50, 149)]);
    check(
        "5-5,-5,99990-200000",
        &[(5, 5), (99_995, 99_999), (99_990, 99_999)],
    );
    registry.finish();
}

#[test]
fn hundreds_of_ranges_have_hundreds_of_parts() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 100_000).bytes();
    let digest = client.push_blob("a/b", &bytes);
    let spans: Vec<_> = (0..500).rev().map(|n| (n * 200, n * 200 + 99)).collect();
    let ranges: Vec<_> = spans
        .iter()
        .map(|(first, last)| format!("{first}-{last}"))
        .collect();

    let answer = ask(
        &client,
        &format!("/v2/a/b/blobs/{digest}"),
        &ranges.join(","),
    );

    let parts = parts(&answer.expect(206));
    assert_eq!(parts.len(), spans.len());
    for ((range, part), (first, last)) in parts.iter().zip(spans) {
        assert_eq!(*range, format!("{first}-{last}"));
        assert_eq!(*part, bytes.slice(first..=last));
    }
    registry.finish();
}

#[test]
fn ranges_of_which_none_exists_are_refused_like_one() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"0123456789".into());
    let path = format!("/v2/a/b/blobs/{digest}");

    ask(&client, &path, "10-,20-30")
        .expect(416)
        .has("content-range", "bytes */10");
    registry.finish();
}
