//! Repository names that are none, and paths that try to mean something else than they say.

use harness::{Client, Digest, Registry, Response};
use http::Method;

use crate::nothing::registry_is_empty;

/// Texts that are no repository names, as they stand in a path.
fn malformed_names() -> Vec<String> {
    let long = "a".repeat(300);
    let deep = vec!["a"; 200].join("/");
    let fixed = [
        "A",
        "a/B",
        "a..b",
        "a.",
        ".a",
        "-a",
        "a-",
        "_a",
        "a___b",
        "a._b",
        "a+b",
        "a%20b",
        "a/..",
        "..",
        ".",
        "../../etc",
        "a/../b",
        "%2e%2e",
        "a/%2E%2E/b",
        "a%00b",
        "%00",
        "a%0d%0aX-Evil:1",
        "a%5cb",
        "a%3Ab",
        "a~b",
        "%C3%A9",
        "a%FF",
        "_uploads",
        "a/_manifests",
        "_blobs",
        "a//b",
        "a%2F%2Fb",
        "%2Fa",
    ];
    fixed
        .map(str::to_owned)
        .into_iter()
        .chain([long, deep])
        .collect()
}

/// One request of each kind to a repository of this name.
fn requests(client: &Client, name: &str) -> Vec<Response> {
    let digest = Digest::of(b"");
    let ask =
        |method: Method, rest: &str| client.request(method, format!("/v2/{name}/{rest}")).send();
    let upload = "blobs/uploads/b7a2f7f0-0000-4000-8000-000000000000";
    vec![
        ask(Method::GET, "tags/list"),
        ask(Method::GET, "manifests/1"),
        ask(Method::HEAD, "manifests/1"),
        ask(Method::PUT, "manifests/1"),
        ask(Method::DELETE, "manifests/1"),
        ask(Method::GET, &format!("blobs/{digest}")),
        ask(Method::GET, &format!("referrers/{digest}")),
        ask(Method::POST, "blobs/uploads/"),
        ask(Method::POST, &format!("blobs/uploads/?digest={digest}")),
        ask(
            Method::POST,
            &format!("blobs/uploads/?mount={digest}&from=a"),
        ),
        ask(Method::GET, upload),
        ask(Method::PATCH, upload),
        ask(Method::PUT, &format!("{upload}?digest={digest}")),
        ask(Method::DELETE, upload),
    ]
}

#[test]
fn what_is_no_name_is_refused_on_every_endpoint() {
    let registry = Registry::open();
    let client = registry.plain();

    for name in malformed_names() {
        for answer in requests(&client, &name) {
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
            if !answer.body.is_empty() {
                let code = answer.error_code();
                let known = ["NAME_INVALID", "NAME_UNKNOWN", "UNSUPPORTED"];
                assert!(known.contains(&code.as_str()), "{answer}");
            }
            assert!(answer.lacks("x-evil").header("location").is_none());
        }
    }
    registry_is_empty(registry);
}

#[test]
fn a_name_of_the_greatest_length_is_stored_and_a_longer_one_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let longest = format!("{}/{}", "a".repeat(200), "b".repeat(54));
    assert_eq!(longest.len(), 255);

    let digest = client.push_blob(&longest, &"bytes".into());
    client.blob(&longest, &digest).expect(200);
    client
        .post(format!("/v2/{longest}c/blobs/uploads/"), "")
        .refused(400, "NAME_INVALID");
    client
        .post(format!("/v2/{}/blobs/uploads/", "x".repeat(256)), "")
        .refused(400, "NAME_INVALID");
    registry.finish();
}

#[test]
fn an_encoded_slash_is_a_slash_and_a_doubled_one_is_none() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());

    for path in [
        format!("/v2/a%2Fb/blobs/{digest}"),
        format!("/v2/a%2fb/blobs/{}", digest.as_str().replace(':', "%3A")),
        format!("/v2/%61/b/blobs/{digest}"),
    ] {
        assert_eq!(client.get(path).expect(200).body, "bytes");
    }
    for path in [
        format!("/v2//a/b/blobs/{digest}"),
        format!("/v2/a//b/blobs/{digest}"),
        format!("/v2/a/b//blobs/{digest}"),
        format!("/v2/a/b/blobs//{digest}"),
        format!("//v2/a/b/blobs/{digest}"),
        format!("/v2/a/b/blobs/{digest}/"),
        format!("/v2/a%252Fb/blobs/{digest}"),
        format!("/v2/a/b/blobs%2F{digest}%2F"),
    ] {
        let answer = client.get(path);
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
    }
    registry.finish();
}

#[test]
fn bytes_that_no_url_may_hold_get_an_error_and_no_more() {
    let registry = Registry::open();
    let client = registry.plain();

    for target in [
        &b"/v2/a\0b/tags/list"[..],
        b"/v2/a\xffb/tags/list",
        b"/v2/a\x7fb/tags/list",
        b"/v2/a b/tags/list",
        b"/v2/a\tb/tags/list",
        b"/v2/a\nX-Evil: 1",
        b"no-slash",
        b"*",
        b"",
        b"http://[::1/v2/",
        b"/v2/a/tags/list#fragment",
        b"/v2/%zz/tags/list",
        b"/v2/%",
    ] {
        let host = client.raw_headers();
        let mut request = b"GET ".to_vec();
        request.extend_from_slice(target);
        request
            .extend_from_slice(format!(" HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes());
        let answer = client.raw(&request);
        let status = answer.get(9..12).unwrap_or_default();
        assert!(
            ["400", "404"].contains(&status),
            "{:?}: {answer}",
            String::from_utf8_lossy(target)
        );
        assert!(!answer.to_lowercase().contains("\nx-evil"), "{answer}");
    }
    registry_is_empty(registry);
}

#[test]
fn a_log_line_cannot_be_forged_through_a_name() {
    let registry = Registry::with().env("ROADSTEAD_LOG", "trace").start();
    let admin = registry.admin();

    for path in [
        "/v2/a%0aFORGED%20line/tags/list",
        "/v2/a%1b%5b31mFORGED/manifests/x%0aFORGED",
    ] {
        admin.get(path);
    }
    let agent = admin
        .request(Method::GET, "/v2/")
        .header("user-agent", "x\tFORGED");
    agent.send().expect(200);

    for line in registry.log().lines() {
        assert!(!line.starts_with("FORGED"), "{line}");
    }
    assert!(
        !registry.log().contains('\u{1b}'),
        "a terminal would obey the log"
    );
    registry.finish();
}
