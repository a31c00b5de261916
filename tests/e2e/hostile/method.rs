//! Methods an endpoint does not have: 405, with those it has.

use harness::{Digest, Registry};
use http::Method;

use crate::nothing::registry_is_empty;

#[test]
fn an_endpoint_refuses_methods_it_does_not_have_and_names_those_it_has() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = Digest::of(b"");
    let blob = format!("/v2/a/b/blobs/{digest}");
    let referrers = format!("/v2/a/b/referrers/{digest}");
    let upload = "/v2/a/b/blobs/uploads/b7a2f7f0-0000-4000-8000-000000000000";

    for (path, wrong) in [
        ("/v2/", &["POST", "PUT", "PATCH", "DELETE"][..]),
        ("/v2/_catalog", &["POST", "PUT", "DELETE"]),
        ("/v2/a/b/tags/list", &["POST", "PUT", "DELETE"]),
        ("/v2/a/b/manifests/1", &["POST", "PATCH"]),
        (&blob, &["POST", "PUT", "PATCH"]),
        (&referrers, &["POST", "PUT", "DELETE"]),
        ("/v2/a/b/blobs/uploads/", &["GET", "PUT", "PATCH", "DELETE"]),
        (upload, &["POST"]),
        ("/token", &["PUT", "DELETE", "PATCH"]),
        ("/healthz", &["POST", "DELETE"]),
        ("/metrics", &["POST"]),
        ("/ca.crt", &["PUT"]),
    ] {
        for method in wrong.iter().chain(&["TRACE", "CONNECTX", "get"]) {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = client.request(method.clone(), path).send().expect(405);
            let allow = answer.must("allow");
            assert!(
                !allow.split(", ").any(|allowed| allowed == method),
                "{answer}"
            );
            assert!(!allow.is_empty());
        }
    }
    registry_is_empty(registry);
}

#[test]
fn what_is_served_nowhere_is_not_found() {
    let registry = Registry::open();
    let client = registry.plain();

    for path in [
        "/",
        "/v1/",
        "/v1/search",
        "/v3/",
        "/v2/x",
        "/v2/a/b",
        "/v2/a/b/tags",
        "/v2/a/b/tags/",
        "/v2/a/b/manifests",
        "/v2/a/b/blobs",
        "/v2/a/b/referrers",
        "/v2/_oci/ext/discover/x",
        "/index.html",
        "/admin",
        "/healthz/",
        "/.well-known/x",
    ] {
        client.get(path).expect(404);
    }
    registry_is_empty(registry);
}
