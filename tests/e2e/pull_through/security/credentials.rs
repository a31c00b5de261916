//! Credentials go to the upstream and its kin, and nowhere else; nobody reads them anywhere.

use harness::upstream::{Asked, Tokens};
use harness::{Digest, Fault, Registry, Upstream};
use http::Method;

use crate::pull_through::town::{NAME, PASSWORD, Town, USER};
use crate::pull_through::{registry, section};

fn is_logged_in(asked: &Asked) -> bool {
    asked.header("authorization").is_some()
}

fn tokens() -> Tokens {
    Tokens::with().password(USER, PASSWORD).open().build()
}

/// An upstream that sends its clients to a token service of this name: whether that gets the password.
#[track_caller]
fn check_realm(host: &str, more: &str, expected: bool) {
    let tokens = tokens();
    let realm = format!("https://{host}/token");
    let town = Town::new(Upstream::with().bearer_of(&tokens, realm));
    let service = town.neighbour(host, Upstream::with().bearer(&tokens));
    let registry = town.registry(&format!("{}\n{more}", town.proxied()));
    registry.plain().manifest("up.example/a/b", "1").expect(200);
    assert!(!service.asked().is_empty());
    assert_eq!(service.count(is_logged_in) > 0, expected, "{host}");
    let is_basic = |asked: &Asked| {
        asked
            .header("authorization")
            .is_some_and(|it| it.starts_with("Basic "))
    };
    assert_eq!(town.upstream.count(is_basic), 0);
    registry.finish().no_uploads();
}

#[test]
fn a_token_service_of_the_same_domain_gets_the_password() {
    check_realm("auth.example.com", "", true);
}

#[test]
fn a_token_service_of_another_domain_is_asked_as_a_stranger() {
    check_realm("auth.example.net", "", false);
    check_realm("registry.example.com.evil.org", "", false);
}

#[test]
fn a_token_service_that_is_listed_gets_the_password() {
    check_realm(
        "auth.example.net",
        "token_hosts = [\"auth.example.net\"]",
        true,
    );
}

#[test]
fn a_token_service_in_a_private_network_is_not_asked_at_all() {
    let trap = Upstream::with().bearer(&tokens()).start();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let realm = format!("http://{host}:{}/token", trap.address().port());
        let upstream = Upstream::with().bearer_of(&tokens(), realm).start();
        let registry = registry(&upstream, "");
        registry.plain().manifest("up.example/a/b", "1").expect(502);
        registry.finish().no_uploads();
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn where_a_blob_lies_no_login_is_sent() {
    let town = Town::new(Upstream::with().bearer(&tokens()));
    let store = town.neighbour("cdn.example.com", Upstream::with());
    let layer = &town.image.layers[0];
    store.put_blob("a/b", layer);
    town.upstream.when(|asked| {
        let path = asked.path();
        let leads = path.contains("/blobs/") && is_logged_in(asked);
        leads.then(|| Fault::redirect(format!("https://cdn.example.com{path}?sig=5ignature")))
    });
    let registry = town.registry(&town.proxied());
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let blob = client
        .blob("up.example/a/b", &Digest::of(layer))
        .expect(200);
    assert_eq!(blob.body, layer);
    assert!(!store.asked().is_empty());
    assert_eq!(store.count(is_logged_in), 0);
    assert!(!registry.log().contains("5ignature"));
    registry.finish().no_uploads();
}

#[test]
fn the_login_of_one_upstream_is_not_for_another() {
    let town = Town::new(Upstream::with().bearer(&tokens()));
    let other = Upstream::with().basic(USER, PASSWORD).start();
    let other_section = section(&other, "").replace("up.example", "other.example");
    let registry = town.registry(&format!("{}\n{other_section}", town.proxied()));
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    client.manifest("other.example/a/b", "1").expect(502);
    assert!(!other.asked().is_empty());
    assert_eq!(other.count(is_logged_in), 0);
    registry.finish().no_uploads();
}

#[test]
fn no_secret_is_told_to_anybody() {
    let tokens = Tokens::with().password(USER, PASSWORD).build();
    let town = Town::new(Upstream::with().bearer(&tokens));
    let registry: Registry = town
        .setup(&town.proxied())
        .env("ROADSTEAD_LOG", "trace")
        .start();
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    town.upstream.always(Fault::status(403));
    let refused = client.manifest("up.example/a/b", "2").expect(502);
    town.upstream.behave();
    tokens.revoke();
    client.manifest("up.example/a/b", "3").expect(404);
    let metrics = client.request(Method::GET, "/metrics").send().expect(200);
    let config = registry.command(&["config", "show"], "").ok();
    let log = registry.log();
    assert!(log.contains(NAME), "the log says whom it asked");
    for told in [&*log, refused.text(), metrics.text(), &*config] {
        // Of the password, of the header that it is sent in, and of a token.
        for secret in [PASSWORD, "YW5uOmEgNXNlY3JldCBvZi", "token-1"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    registry.finish().no_uploads();
}
