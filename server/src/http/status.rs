//! Answers for those who look after the registry: alive, ready, metrics, the CA certificate.
//!
//! They hold nothing of what is stored. Metrics are for administrators, and for a collector on this
//! very machine.

use http::header::{FORWARDED, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::http::answer;
use crate::http::body::Body;
use crate::http::origin::Peer;

/// `GET /healthz`: the process answers.
pub(crate) fn health() -> Response<Body> {
    answer::text(StatusCode::OK, "ok\n")
}

/// `GET /readyz`: it can do its whole work, or why not.
pub(crate) fn ready(impairment: Option<&str>) -> Response<Body> {
    match impairment {
        None => answer::text(StatusCode::OK, "ready\n"),
        Some(reason) => answer::text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {reason}\n"),
        ),
    }
}

/// `GET /metrics`, written out already.
pub(crate) fn metrics(content_type: &'static str, text: String) -> Response<Body> {
    let content_type = HeaderValue::from_static(content_type);
    answer::content(StatusCode::OK, content_type, Body::Full(text.into()))
}

/// `GET /ca.crt`: what a client must trust, as PEM.
pub(crate) fn ca_certificate(pem: String) -> Response<Body> {
    let content_type = HeaderValue::from_static("application/x-pem-file");
    answer::content(StatusCode::OK, content_type, Body::Full(pem.into()))
}

/// What browsers ask before they let a page use the API (CORS). No credentials of theirs are
/// involved, so every page may; a page that has a token says so itself.
pub(crate) fn preflight() -> Response<Body> {
    const HEADERS: [(HeaderName, &str); 3] = [
        (
            http::header::ACCESS_CONTROL_ALLOW_METHODS,
            "HEAD, GET, OPTIONS, DELETE",
        ),
        (
            http::header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Accept, Cache-Control",
        ),
        (http::header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    let mut response = answer::empty(StatusCode::NO_CONTENT);
    for (name, text) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(text));
    }
    response
}

/// Whether a request was made on this machine: from a loopback address, and not passed on by a
/// proxy that stands on it, trusted or not.
pub(crate) fn is_local(peer: Peer, headers: &HeaderMap) -> bool {
    const PASSED_ON: [HeaderName; 4] = [
        FORWARDED,
        VIA,
        HeaderName::from_static("x-forwarded-for"),
        HeaderName::from_static("x-real-ip"),
    ];
    let passed_on = PASSED_ON.iter().any(|name| headers.contains_key(name));
    peer.address.ip().to_canonical().is_loopback() && !passed_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn local(address: &str, header: Option<&'static str>, expected: bool) {
        let peer = Peer {
            address: address.parse().expect("an address"),
            tls: false,
        };
        let headers =
            header.map(|name| (HeaderName::from_static(name), "x".parse().expect("text")));
        assert_eq!(
            is_local(peer, &headers.into_iter().collect()),
            expected,
            "{address}"
        );
    }

    #[test]
    fn metrics_are_open_to_this_machine_and_not_to_whom_its_proxy_serves() {
        local("127.0.0.1:1", None, true);
        local("[::1]:1", None, true);
        local("[::ffff:127.0.0.1]:1", None, true);
        local("192.0.2.1:1", None, false);
        local("127.0.0.1:1", Some("x-forwarded-for"), false);
        local("127.0.0.1:1", Some("via"), false);
    }
}
