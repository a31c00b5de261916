//! The ping (end-1), and what every answer carries whatever was asked.

use std::collections::BTreeSet;

use harness::{Anonymous, Client, Digest, Format, Image, Registry, Response};
use http::Method;
use serde_json::json;

#[test]
fn the_ping_is_an_empty_object_where_everything_is_open() {
    let registry = Registry::open();
    let client = registry.plain();

    for path in ["/v2/", "/v2"] {
        let answer = client.get(path).expect(200);
        assert_eq!(answer.json(), json!({}));
        answer.has("content-type", "application/json");
        client.head(path).expect(200).has("content-length", "2");
    }
    registry.finish();
}

#[test]
fn every_answer_names_the_api_and_its_own_request() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());

    let mut ids = BTreeSet::new();
    let answers = answers_of_all_kinds(&client, &digest);
    let count = answers.len();
    for answer in answers {
        assert_eq!(
            answer.must("docker-distribution-api-version"),
            "registry/2.0",
            "{answer}"
        );
        // containers/image would turn to OpenShift's signature API.
        let answer = answer.lacks("x-registry-supports-signatures");
        ids.insert(answer.must("x-request-id").to_owned());
    }
    assert_eq!(ids.len(), count, "two answers share a request id");
    assert!(!ids.contains(""));
    registry.finish();
}

/// One answer of each class of status, from each part of the server.
fn answers_of_all_kinds(client: &Client, digest: &Digest) -> Vec<Response> {
    let blob = format!("/v2/a/b/blobs/{digest}");
    let tag = format!("\"{digest}\"");
    let get = |name: &str, value: &str| {
        client
            .request(Method::GET, &blob)
            .header(name, value)
            .send()
    };
    let location = client.start_upload("a/b");
    vec![
        client.get("/v2/").expect(200),
        client.get(&blob).expect(200),
        client.head(&blob).expect(200),
        get("range", "bytes=0-1").expect(206),
        get("range", "bytes=9-").expect(416),
        get("if-none-match", &tag).expect(304),
        client.delete(location).expect(204),
        client.get("/v2/a/b/blobs/sha256:x").expect(400),
        client.get("/v2/nowhere/tags/list").expect(404),
        client.get("/nonsense").expect(404),
        client.put("/v2/_catalog", "").expect(405),
        client
            .clone()
            .basic("admin", "wrong")
            .get("/v2/")
            .expect(401),
        client.get("/token").expect(200),
        client.get("/healthz").expect(200),
        client.get("/ca.crt").expect(200),
        client.request(Method::OPTIONS, "/v2/").send(),
    ]
}

#[test]
fn the_log_line_of_a_push_has_the_id_of_its_answer_and_who_did_it() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");

    let answer = Image::new(Format::Oci, "logged").push(&client, "a/b", "seen");

    let id = answer.must("x-request-id");
    let log = registry.log();
    let line = log
        .lines()
        .find(|line| line.contains("audit") && line.contains("seen"));
    let line = line.unwrap_or_else(|| panic!("no audit line for the tag in:\n{log}"));
    for part in [id, "ci", "a/b"] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    registry.finish();
}

#[test]
fn a_browser_learns_what_it_may_do_without_logging_in() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.plain();

    for path in ["/v2/", "/v2/a/b/tags/list", "/v2/a/b/manifests/1", "/token"] {
        let answer = client
            .request(Method::OPTIONS, path)
            .header("origin", "https://ui.example.com")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send();
        assert!(answer.status.is_success(), "{answer}");
        assert!(
            answer.header("access-control-allow-origin").is_some(),
            "{answer}"
        );
        let methods = answer.must("access-control-allow-methods");
        for method in ["HEAD", "GET", "OPTIONS", "DELETE"] {
            assert!(methods.contains(method), "{methods}");
        }
        let headers = answer.must("access-control-allow-headers").to_lowercase();
        assert!(headers.contains("authorization"), "{headers}");
        // A page of another origin must never act with what a browser has stored for us.
        answer.lacks("access-control-allow-credentials");
    }
    registry.finish();
}

#[test]
fn a_browser_may_read_the_headers_that_matter() {
    let registry = Registry::open();

    let answer = registry
        .plain()
        .request(Method::GET, "/v2/")
        .header("origin", "https://ui.example.com")
        .send()
        .expect(200);

    let exposed = answer.must("access-control-expose-headers").to_lowercase();
    for name in [
        "docker-content-digest",
        "link",
        "www-authenticate",
        "oci-subject",
        "oci-tag",
    ] {
        assert!(exposed.contains(name), "{name} is not in {exposed}");
    }
    registry.finish();
}
