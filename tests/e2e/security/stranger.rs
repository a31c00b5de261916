//! Words of strangers in the log: whatever a request holds stays on its line, in characters that a
//! terminal shows and does not obey.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::Registry;
use http::Method;
use serde_json::{Value, json};

/// A line break, two that a terminal takes for commands, and text that would pass for a line of the log.
const FORGED: &str = "x\r\n\u{1b}[31m\u{9b}31m2026-01-01T00:00:00Z INFO forged: admin logged in";

/// Puts it wherever a request has room for it.
fn send_everywhere(registry: &Registry) {
    let client = registry.plain();
    let encode = |text: String, byte| format!("{text}%{byte:02x}");
    let encoded = FORGED.bytes().fold(String::new(), encode);

    for path in [
        format!("/{encoded}"),
        format!("/v2/{encoded}/tags/list"),
        format!("/v2/a/manifests/{encoded}"),
        format!("/v2/a/blobs/{encoded}"),
        format!("/v2/a/tags/list?n={encoded}&last={encoded}"),
        format!("/v2/a/referrers/{encoded}?artifactType={encoded}"),
        format!("/token?scope={encoded}&account={encoded}&service={encoded}"),
    ] {
        client.get(path);
    }
    client.post(
        format!("/v2/a/blobs/uploads/?mount={encoded}&from={encoded}"),
        "",
    );
    client.basic(FORGED, FORGED).get("/v2/").expect(401);
    let client = registry.plain();
    client
        .bearer(&BASE64_STANDARD.encode(FORGED))
        .get("/v2/")
        .expect(401);
    let client = registry.plain();
    let form = format!("grant_type=password&username={encoded}&password={encoded}");
    crate::auth::post(&client, &form);
    // Headers can hold a tab and bytes beyond ASCII, but no line break.
    for name in [
        "user-agent",
        "referer",
        "x-forwarded-for",
        "x-request-id",
        "content-range",
    ] {
        let request = client.request(Method::GET, "/v2/a/tags/list");
        request.header(name, "x\tforged: admin logged in").send();
    }
    let admin = registry.admin();
    let put = admin.request(Method::PUT, "/v2/a/manifests/1");
    let put = put.header("content-type", "text/x; y=\"forged: admin logged in\"");
    let body = json!({"schemaVersion": 2, "mediaType": FORGED});
    put.body(body.to_string()).send().expect(400);
}

#[test]
fn nothing_that_a_request_holds_breaks_out_of_its_log_line() {
    let registry = Registry::with().env("ROADSTEAD_LOG", "trace").start();

    send_everywhere(&registry);

    let log = registry.log();
    for line in log.lines() {
        let is_forged = line
            .trim_start()
            .starts_with("2026-01-01T00:00:00Z INFO forged");
        assert!(!is_forged && !line.starts_with("forged"), "{line}");
    }
    let obeyed = log
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t');
    assert_eq!(obeyed, None, "a terminal would obey the log");
    registry.finish();
}

#[test]
fn a_log_for_machines_is_one_object_per_line_whatever_a_request_holds() {
    let setup = Registry::with().env("ROADSTEAD_LOG", "trace");
    let registry = setup.flags(["--log-format", "json"]).start();

    send_everywhere(&registry);

    let log = registry.log();
    assert!(log.lines().count() > 20, "each request has a line at least");
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).expect(line);
        assert!(entry.is_object(), "{line}");
        let obeyed = line.chars().find(|c| c.is_control());
        assert_eq!(obeyed, None, "a terminal would obey: {line}");
    }
    registry.finish();
}
