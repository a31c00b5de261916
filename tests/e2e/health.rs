//! `/healthz`, `/readyz`, `/metrics`: for those who look after the registry.

use harness::{Anonymous, Client, Format, Image, Registry, Response};
use http::Method;

#[test]
fn the_registry_is_alive_and_ready_and_says_so_to_everyone() {
    let registry = Registry::with().anonymous(Anonymous::None).start();

    for client in [
        registry.plain(),
        registry.client(),
        registry.client().http2(),
    ] {
        for path in ["/healthz", "/readyz"] {
            client.get(path).expect(200);
            client.head(path).expect(200);
        }
    }
    registry.finish();
}

/// As Prometheus asks, through a proxy or directly.
fn metrics(client: &Client, forwarded_for: Option<&str>) -> Response {
    let request = client.request(Method::GET, "/metrics");
    match forwarded_for {
        Some(address) => request.header("x-forwarded-for", address).send(),
        None => request.send(),
    }
}

#[test]
fn metrics_are_for_administrators_and_for_this_machine() {
    let config = "trusted_proxies = [\"127.0.0.1/32\"]\n";
    let registry = Registry::with().config(config).start();
    let user = registry.user("ci", "a password");
    let abroad = Some("203.0.113.9");

    metrics(&registry.plain(), None).expect(200);
    metrics(&registry.plain(), abroad).expect(401);
    metrics(&user, abroad).expect(403);
    metrics(&registry.admin(), abroad).expect(200);
    registry.finish();
}

#[test]
fn metrics_count_requests_without_naming_what_they_were_about() {
    let registry = Registry::open();
    let client = registry.plain();
    Image::new(Format::Oci, "counted").push(&client, "very-secret/project", "tag-of-mine");
    client
        .manifest("very-secret/project", "tag-of-mine")
        .expect(200);
    registry
        .client()
        .basic("admin", "wrong")
        .get("/v2/")
        .expect(401);

    let answer = metrics(&client, None).expect(200);

    let kind = answer.must("content-type");
    assert!(
        kind.starts_with("text/plain") || kind.starts_with("application/openmetrics"),
        "{kind}"
    );
    let text = answer.text();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
        assert!(matches!(value, Some(Ok(_))), "no sample: {line}");
    }
    assert!(text.contains("{name}"), "templates of paths: {text}");
    for secret in ["very-secret", "tag-of-mine", "sha256", "admin"] {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
    registry.finish();
}
