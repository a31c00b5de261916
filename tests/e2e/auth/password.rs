//! Passwords: at the token service, and directly on every endpoint.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::{Anonymous, Format, Image, Registry};

const MODES: [Anonymous; 3] = [Anonymous::None, Anonymous::Pull, Anonymous::Push];

#[test]
fn wrong_credentials_are_refused_everywhere_in_every_mode() {
    for anonymous in MODES {
        let registry = Registry::with().anonymous(anonymous).start();
        let right = registry.user("ci", "a password");
        Image::new(Format::Oci, "here").push(&right, "a/b", "1");

        for (name, password) in [
            ("ci", "wrong"),
            ("ci", ""),
            ("ci", "a password "),
            ("nobody", "a password"),
        ] {
            let wrong = registry.client().basic(name, password);
            for path in [
                "/v2/",
                "/token",
                "/v2/a/b/manifests/1",
                "/v2/_catalog",
                "/metrics",
            ] {
                wrong.get(path).expect(401);
            }
            wrong
                .post("/v2/a/b/blobs/uploads/", "")
                .refused(401, "UNAUTHORIZED");
        }
        right.get("/v2/").expect(200);
        right.get("/token").expect(200);
        registry.finish().no_uploads();
    }
}

#[test]
fn a_password_works_on_every_endpoint_without_a_token() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.user("ci", "a password");
    let image = Image::new(Format::Oci, "basic");

    image.push(&client, "a/b", "1");
    assert_eq!(
        client.manifest("a/b", "1").expect(200).body,
        image.manifest.bytes
    );
    client
        .blob("a/b", &harness::Digest::of(&image.config))
        .expect(200);
    assert_eq!(client.tags("a/b"), ["1"]);
    assert_eq!(client.catalog(), ["a/b"]);
    client.delete("/v2/a/b/manifests/1").refused(403, "DENIED");
    registry.admin().delete("/v2/a/b/manifests/1").expect(202);
    registry.finish();
}

/// podman sends an empty user and password where it was asked for Basic and has none.
#[test]
fn an_empty_user_with_an_empty_password_is_nobody_in_particular() {
    let registry = Registry::start();
    let user = registry.user("ci", "a password");
    Image::new(Format::Oci, "public").push(&user, "a/b", "1");
    let empty = registry.client().authorization("Basic Og==");

    empty.manifest("a/b", "1").expect(200);
    empty.get("/token").expect(200);
    empty.get("/v2/").expect(401);
    empty.post("/v2/a/b/blobs/uploads/", "").expect(401);
    registry
        .client()
        .authorization("Basic OnB3")
        .get("/v2/a/b/manifests/1")
        .expect(401);
    registry.finish().no_uploads();
}

#[test]
fn credentials_that_cannot_be_read_are_refused() {
    let registry = Registry::start();
    let client = registry.client();

    let no_colon = BASE64_STANDARD.encode("ci");
    let not_text = BASE64_STANDARD.encode([0xff, b':', 0xff]);
    let control = BASE64_STANDARD.encode("ci\0:pw\r\n");
    let long = BASE64_STANDARD.encode(format!("ci:{}", "x".repeat(10_000)));
    for pair in ["", "%", "====", &no_colon, &not_text, &control, &long] {
        let client = client.clone().authorization(format!("Basic {pair}"));
        client.get("/v2/").expect(401);
        client.get("/token").expect(401);
    }
    registry.finish();
}

#[test]
fn a_password_may_hold_any_character() {
    let registry = Registry::start();

    for (number, password) in ["a:b:c", " leading", "päss wörd", "\"'`$(x)", "😀"]
        .iter()
        .enumerate()
    {
        let client = registry.user(&format!("user{number}"), password);
        client.get("/v2/").expect(200);
    }
    registry.finish();
}

#[test]
fn no_password_or_token_ever_reaches_the_log() {
    let registry = Registry::with().env("ROADSTEAD_LOG", "trace").start();
    let client = registry.user("ci", "hunter2-secret");
    let token = client.token(&["repository:a/b:pull,push"]);
    client.bearer(&token).start_upload("a/b");
    registry
        .client()
        .basic("ci", "guessed-secret")
        .get("/v2/")
        .expect(401);
    let form = "grant_type=password&service=x&username=ci&password=hunter2-secret";
    super::token::post(&registry.client(), form).expect(200);
    let admin = registry.admin_password();

    let log = registry.log();

    let pair = BASE64_STANDARD.encode("ci:hunter2-secret");
    let signature = token.rsplit_once('.').expect("three parts").1;
    for secret in ["hunter2-secret", "guessed-secret", &admin, &pair, signature] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    registry.finish();
}

/// The processor time that refusing a few logins takes the server, in clock ticks.
fn cost_of_refusals(registry: &mut Registry, name: &str) -> u64 {
    let client = registry.plain().basic(name, "wrong");
    let before = registry.server().ticks();
    for _ in 0..10 {
        client.get("/token").expect(401);
    }
    registry.server().ticks() - before
}

/// Else the time of an answer tells which names exist.
#[test]
fn a_name_that_is_unknown_costs_as_much_as_one_that_is_known() {
    let mut registry = Registry::start();
    registry.user("ci", "a password");

    let known = cost_of_refusals(&mut registry, "ci");
    let unknown = cost_of_refusals(&mut registry, "nobody");

    assert!(
        unknown * 2 > known && known * 2 > unknown,
        "in ticks, unknown: {unknown}, known: {known}"
    );
    registry.finish();
}
