//! What must hold of what is read from the head of a request: see `crate::fuzzing`.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Uri};
use ipnet::IpNet;
use roadstead_storage::oci::{Algorithm, Digest};

use crate::http::header::{Chunk, etag, is_held};
use crate::http::origin::{Origin, Peer};
use crate::http::range::{Selection, Span, selection};

pub(crate) use crate::http::route::fuzzing::{path, query};

/// Eight bytes say how long the content is, the rest is `Range` and, after a line break, `If-Range`.
pub(crate) fn range(bytes: &[u8]) {
    let Some((total, values)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    // No file is longer.
    let total = u64::from_le_bytes(*total).min(i64::MAX.unsigned_abs());
    let mut headers = HeaderMap::new();
    for (name, value) in [RANGE, IF_RANGE]
        .into_iter()
        .zip(values.split(|b| *b == b'\n'))
    {
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return;
        };
        headers.insert(name, value);
    }
    let Selection::Parts(spans) = selection(&headers, &content(), total) else {
        return;
    };
    assert!((1..=1024).contains(&spans.len()));
    let sum: u128 = spans.iter().map(|span| u128::from(span.len)).sum();
    assert!(sum <= u128::from(total), "more is sent than there is");
    for span in spans {
        let end = span.start.checked_add(span.len);
        assert!(span.len > 0 && end.is_some_and(|end| end <= total));
        // The other reader of ranges understands what is answered, and asking for it gives it again.
        let answer = HeaderValue::try_from(span.content_range(total)).expect("visible ASCII");
        let chunk = Chunk::parse(&answer).expect("our own Content-Range");
        let Span { start, len } = span;
        assert_eq!((chunk.start, chunk.len), (start, len));
        let asked = format!("bytes={start}-{}", start + len - 1);
        headers.insert(RANGE, HeaderValue::try_from(asked).expect("visible ASCII"));
        let again = selection(&headers, &content(), total);
        assert_eq!(again, Selection::Parts(vec![span]));
    }
}

/// The `Content-Range` of a chunk.
pub(crate) fn content_range(bytes: &[u8]) {
    let chunk = HeaderValue::from_bytes(bytes)
        .ok()
        .as_ref()
        .and_then(Chunk::parse);
    let Some(chunk) = chunk else { return };
    assert!(chunk.len > 0);
    let end = chunk
        .start
        .checked_add(chunk.len - 1)
        .expect("it has a last byte");
    for spelling in [
        format!("{}-{end}", chunk.start),
        format!("bytes {}-{end}/*", chunk.start),
    ] {
        let spelling = HeaderValue::try_from(spelling).expect("visible ASCII");
        assert_eq!(Chunk::parse(&spelling), Some(chunk));
    }
}

/// `If-None-Match`, on as many lines as there are.
pub(crate) fn if_none_match(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n');
    let values: Result<Vec<_>, _> = lines.map(HeaderValue::from_bytes).collect();
    let Ok(values) = values else { return };
    let headers: HeaderMap = values
        .into_iter()
        .map(|value| (IF_NONE_MATCH, value))
        .collect();
    let (held, other) = (content(), Digest::of(Algorithm::Sha512, b"other"));
    if is_held(&headers, &held) && !is_held(&headers, &other) {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains(&held.to_string()), "it names what is held");
    }
    let mut longer = headers;
    longer.append(IF_NONE_MATCH, etag(&held));
    assert!(is_held(&longer, &held), "a further line takes nothing away");
}

/// `Host` and the three lines of a proxy.
pub(crate) fn origin(text: &str) {
    let mut headers = HeaderMap::new();
    let names = [
        "host",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-for",
    ];
    for (name, value) in names.into_iter().zip(text.lines()) {
        let Ok(value) = HeaderValue::from_str(value) else {
            return;
        };
        headers.append(name, value);
    }
    let proxy: IpNet = "10.0.0.0/8".parse().expect("a network");
    let of = |address: &str, headers: &HeaderMap| {
        let address: SocketAddr = address.parse().expect("an address");
        let peer = Peer { address, tls: true };
        Origin::of(peer, &Uri::from_static("/"), headers, &[proxy])
    };
    let proxied = of("10.0.0.1:1", &headers);
    for origin in [&proxied, &of("203.0.113.7:1", &headers)] {
        // It stands in a quoted parameter of `WWW-Authenticate`.
        let realm = origin.url("fallback", "/token");
        assert!(realm.len() < 400 && !realm.contains(['"', '\\', ' ', '@', '\r', '\n', '\0']));
        let rest = realm
            .strip_prefix("https://")
            .or(realm.strip_prefix("http://"));
        let (_, path) = rest.and_then(|rest| rest.split_once('/')).expect("a URL");
        assert_eq!(path, "token");
    }
    let host = headers.get(HOST).cloned();
    let mut without: HeaderMap = host.map(|host| (HOST, host)).into_iter().collect();
    without.insert(AUTHORIZATION, HeaderValue::from_static("Basic eDp5"));
    let stranger = of("203.0.113.7:1", &headers);
    assert_eq!(
        stranger,
        of("203.0.113.7:1", &without),
        "a stranger's word counts for nothing"
    );
    assert_eq!(stranger.client, IpAddr::from([203, 0, 113, 7]));
}

fn content() -> Digest {
    Digest::of(Algorithm::Sha256, b"content")
}
