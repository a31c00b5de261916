//! The challenge: what a client without credentials, or with too narrow ones, is told to do.

use harness::{Anonymous, Client, Digest, Registry, Response};
use http::Method;

/// A challenge taken apart: its parameters in order.
struct Challenge(Vec<(String, String)>);

impl Challenge {
    /// Insists on 401, one `Bearer` line, and parameters in the form old clients can read.
    #[track_caller]
    fn of(answer: Response) -> Self {
        let answer = answer.expect(401);
        let line = answer.must("www-authenticate");
        let rest = line
            .strip_prefix("Bearer ")
            .unwrap_or_else(|| panic!("no Bearer: {line}"));
        let parameters = rest.split("\",").map(|parameter| {
            let (name, value) = parameter.split_once("=\"").expect("name=\"value\"");
            let value = value.trim_end_matches('"');
            assert!(!value.is_empty(), "docker stops at an empty value: {line}");
            (name.to_owned(), value.to_owned())
        });
        Self(parameters.collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(parameter, _)| parameter == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    fn scope(&self) -> &str {
        self.get("scope").expect("the challenge names a scope")
    }
}

fn challenge(client: &Client, method: Method, path: impl Into<String>) -> Challenge {
    Challenge::of(client.request(method, path).send())
}

#[test]
fn the_ping_asks_for_a_login_and_for_no_scope() {
    for anonymous in [Anonymous::None, Anonymous::Pull] {
        let registry = Registry::with().anonymous(anonymous).start();

        let answer = registry.client().get("/v2/").refused(401, "UNAUTHORIZED");

        let challenge =
            Challenge::of(answer.has("docker-distribution-api-version", "registry/2.0"));
        assert_eq!(challenge.get("scope"), None);
        assert_eq!(challenge.get("error"), None);
        assert!(challenge.get("service").is_some());
        registry.finish();
    }
}

#[test]
fn the_realm_is_the_registry_as_the_client_calls_it() {
    let registry = Registry::start();
    let host = registry.host();
    let port = registry.tls_address().port();

    let client = registry.client();
    let realm = |client: &Client| {
        let challenge = challenge(client, Method::GET, "/v2/");
        challenge.get("realm").expect("a realm").to_owned()
    };
    assert_eq!(realm(&client), format!("https://{host}/token"));
    let named = client.named(format!("localhost:{port}"));
    assert_eq!(realm(&named), format!("https://localhost:{port}/token"));
    assert_eq!(
        realm(&named.http2()),
        format!("https://localhost:{port}/token")
    );
    let plain = registry.plain().named("registry.example.com");
    assert_eq!(realm(&plain), "http://registry.example.com/token");
    registry.finish();
}

/// Else anyone could make the registry send a client's password elsewhere.
#[test]
fn forwarded_names_count_only_from_proxies_that_are_trusted() {
    let forwarded = |registry: &Registry| {
        let request = registry.plain();
        let request = request.request(Method::GET, "/v2/");
        let request = request.header("x-forwarded-host", "registry.example.com");
        let challenge = Challenge::of(request.header("x-forwarded-proto", "https").send());
        challenge.get("realm").expect("a realm").to_owned()
    };

    let registry = Registry::start();
    assert!(!forwarded(&registry).contains("example.com"));
    registry.finish();

    let registry = Registry::with()
        .config("trusted_proxies = [\"127.0.0.1/32\"]\n")
        .start();
    assert_eq!(forwarded(&registry), "https://registry.example.com/token");
    registry.finish();
}

#[test]
fn a_host_that_would_break_out_of_its_quotation_marks_is_not_repeated() {
    let registry = Registry::start();
    let client = registry.plain();

    for host in [
        "a\",service=\"x",
        "a b",
        "evil.example.com/x?",
        "a,b",
        "a@b",
    ] {
        let answer = client.raw(format!(
            "GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert!(!answer.contains(host), "{host:?} came back:\n{answer}");
    }
    registry.finish();
}

#[test]
fn each_request_is_told_the_scope_it_needs() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.client();
    let digest = Digest::of(b"");
    let upload = "b7a2f7f0-0000-4000-8000-000000000000";

    let needs = |method: Method, path: String, scope: &str| {
        let story = format!("{method} {path}");
        let challenge = challenge(&client, method, path);
        assert_eq!(challenge.scope(), scope, "{story}");
    };
    for method in [Method::GET, Method::HEAD] {
        let pull = "repository:a/b:pull";
        needs(method.clone(), "/v2/a/b/manifests/1".into(), pull);
        needs(method.clone(), format!("/v2/a/b/blobs/{digest}"), pull);
        needs(method.clone(), "/v2/a/b/tags/list".into(), pull);
        needs(method.clone(), format!("/v2/a/b/referrers/{digest}"), pull);
        needs(method, "/v2/_catalog".into(), "registry:catalog:*");
    }
    let push = "repository:a/b:pull,push";
    needs(Method::POST, "/v2/a/b/blobs/uploads/".into(), push);
    needs(
        Method::PATCH,
        format!("/v2/a/b/blobs/uploads/{upload}"),
        push,
    );
    needs(
        Method::PUT,
        format!("/v2/a/b/blobs/uploads/{upload}?digest={digest}"),
        push,
    );
    needs(Method::PUT, "/v2/a/b/manifests/1".into(), push);
    let delete = "repository:a/b:delete";
    needs(Method::DELETE, "/v2/a/b/manifests/1".into(), delete);
    needs(Method::DELETE, format!("/v2/a/b/blobs/{digest}"), delete);
    registry.finish().no_uploads();
}

#[test]
fn whether_something_exists_is_not_told_to_who_may_not_see_it() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let admin = registry.admin();
    let digest = admin.push_blob("real", &"bytes".into());

    for repository in ["real", "imagined"] {
        let client = registry.client();
        for path in [
            format!("/v2/{repository}/blobs/{digest}"),
            format!("/v2/{repository}/tags/list"),
            format!("/v2/{repository}/manifests/1"),
        ] {
            client.get(&path).refused(401, "UNAUTHORIZED");
        }
    }
    registry.finish();
}

#[test]
fn a_token_that_is_too_narrow_is_told_so() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");
    let narrow = client
        .clone()
        .bearer(&client.token(&["repository:a/b:pull"]));

    let answer = narrow.post("/v2/a/b/blobs/uploads/", "");

    let challenge = Challenge::of(answer);
    assert_eq!(challenge.get("error"), Some("insufficient_scope"));
    assert_eq!(challenge.scope(), "repository:a/b:pull,push");
    registry.finish().no_uploads();
}

#[test]
fn an_error_says_in_its_detail_what_was_missing() {
    let registry = Registry::start();

    let answer = registry
        .client()
        .post("/v2/a/b/blobs/uploads/", "")
        .expect(401);

    let detail = answer.json()["errors"][0]["detail"].clone();
    let actions: Vec<_> = detail
        .as_array()
        .expect("a list of rights")
        .iter()
        .map(|right| {
            (
                right["Type"].clone(),
                right["Name"].clone(),
                right["Action"].clone(),
            )
        })
        .collect();
    let right = |action: &str| ("repository".into(), "a/b".into(), action.into());
    assert_eq!(actions, [right("pull"), right("push")]);
    registry.finish();
}
