//! What a client writes into a path does not become a line, or another path, of what the upstream hears.

use harness::{Format, Image, Upstream};

use crate::pull_through::registry;

#[test]
fn nothing_that_could_end_a_line_or_leave_a_path_reaches_the_upstream() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &Image::new(Format::Oci, "x"));
    let registry = registry(&upstream, "");
    let client = registry.plain();
    for evil in [
        "1%0d%0aX-Evil:%20yes",
        "1%0aX-Evil:%20yes",
        "1%20HTTP/1.1%0d%0aX-Evil:%20yes",
        "1%00",
        "1%3fns=evil",
        "1%23",
        "..%2f..%2f_catalog",
        "%2e%2e",
        "1%252f..",
        "1@evil.example",
        "1;evil",
    ] {
        let paths = [
            format!("/v2/up.example/a/b/manifests/{evil}"),
            format!("/v2/up.example/a/{evil}/manifests/1"),
            format!("/v2/up.example/{evil}/b/manifests/1"),
            format!("/v2/up.example/a/b/blobs/sha256:{evil}"),
            format!("/v2/up.example/a/b/referrers/{evil}"),
            format!("/v2/a/b/manifests/{evil}?ns=up.example"),
            format!("/v2/a/{evil}/manifests/1?ns=up.example"),
            format!("/v2/a/b/manifests/9?ns=up.example%2f{evil}"),
        ];
        for path in paths {
            let answer = client.get(&path);
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
        }
    }
    let asked: Vec<_> = upstream
        .asked()
        .into_iter()
        .map(|asked| asked.target)
        .collect();
    assert!(asked.is_empty(), "the upstream was asked for {asked:?}");
    client.manifest("up.example/a/b", "1").expect(200);
    registry.finish().no_uploads();
}

#[test]
fn headers_of_a_client_are_not_passed_on() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &Image::new(Format::Oci, "x"));
    let registry = registry(&upstream, "");
    let client = registry.admin();
    let request = client
        .request(http::Method::GET, "/v2/up.example/a/b/manifests/1")
        .header("cookie", "session=5ecret")
        .header("x-forwarded-for", "10.0.0.1")
        .header("proxy-authorization", "Basic eDp5")
        .header("accept-encoding", "gzip");
    request.send().expect(200);
    for asked in upstream.asked() {
        for name in [
            "authorization",
            "cookie",
            "x-forwarded-for",
            "proxy-authorization",
        ] {
            assert_eq!(asked.header(name), None, "{}", asked.target);
        }
        assert_eq!(asked.header("accept-encoding"), Some("identity"));
    }
    registry.finish().no_uploads();
}
