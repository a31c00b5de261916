//! The token service: `GET` with Basic or nothing, `POST` as `OAuth2` does it.

use std::slice::from_ref;

use harness::{Anonymous, Client, Format, Image, Registry, Response};
use http::Method;
use serde_json::Value;

/// Asks for a token with POST and this form.
pub(crate) fn post(client: &Client, form: &str) -> Response {
    let request = client.request(Method::POST, "/token");
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    request.header("content-type", kind).body(form).send()
}

/// What a token is good for, as it says itself.
pub(crate) fn access(token: &str) -> Value {
    let claims = super::jwt::claims(token);
    let mut access = claims["access"].clone();
    for entry in access.as_array_mut().into_iter().flatten() {
        if let Some(actions) = entry["actions"].as_array_mut() {
            actions.sort_by_key(ToString::to_string);
        }
    }
    access
}

fn repository(name: &str, actions: &[&str]) -> Value {
    serde_json::json!({ "type": "repository", "name": name, "actions": actions })
}

#[test]
fn a_token_comes_with_both_names_and_with_its_life() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");

    let answer = client
        .get("/token?service=x&scope=repository:a/b:pull")
        .expect(200);

    let json = answer.json();
    assert!(answer.must("content-type").starts_with("application/json"));
    assert_eq!(json["token"], json["access_token"]);
    assert_eq!(json["expires_in"], 300);
    let issued = json["issued_at"].as_str().expect("issued_at");
    assert!(
        issued.len() >= 20 && issued.contains('T') && issued.ends_with('Z'),
        "{issued}"
    );
    assert_eq!(json.get("refresh_token"), None, "nobody asked for one");
    let claims = super::jwt::claims(json["token"].as_str().unwrap());
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 300);
    assert_eq!(claims["sub"], "ci");
    registry.finish();
}

#[test]
fn the_life_of_a_token_is_configured() {
    let registry = Registry::with()
        .config("[auth]\ntoken_lifetime = \"90s\"\n")
        .start();

    let answer = registry.admin().get("/token").expect(200);

    assert_eq!(answer.json()["expires_in"], 90);
    registry.finish();
}

/// What `docker login` and `podman login` do.
#[test]
fn a_token_without_any_scope_logs_in() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");

    let answer = client
        .get("/token?account=ci&client_id=docker&service=x")
        .expect(200);

    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let bearer = client.bearer(&token);
    bearer.get("/v2/").expect(200);
    bearer.post("/v2/a/b/blobs/uploads/", "").expect(401);
    registry.finish().no_uploads();
}

#[test]
fn scopes_may_repeat_share_a_value_and_are_merged() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");
    let check = |query: &str, expected: &[Value]| {
        let answer = client.get(format!("/token?{query}")).expect(200);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(access(&token), Value::from(expected.to_vec()), "{query}");
    };
    let both = repository("a/b", &["pull", "push"]);

    check("scope=repository:a/b:pull,push", from_ref(&both));
    check("scope=repository:a/b:push,pull", from_ref(&both));
    check(
        "scope=repository:a/b:pull&scope=repository:a/b:push",
        from_ref(&both),
    );
    check(
        "scope=repository:a/b:pull+repository:a/b:push,pull",
        from_ref(&both),
    );
    check("scope=repository%3Aa%2Fb%3Apull%2Cpush", from_ref(&both));
    check("scope=repository(plugin):a/b:pull,push", from_ref(&both));
    check(
        "scope=repository:a/b:pull,push%20repository:c:pull",
        &[both, repository("c", &["pull"])],
    );
    registry.finish();
}

#[test]
fn what_is_not_understood_is_left_out_without_an_error() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");

    for scope in [
        "",
        "x",
        "repository",
        "repository:a/b",
        "repository:a/b:",
        "repository:a/b:fly",
        "repository:A:pull",
        "repository:..:pull",
        "aquarium:a/b:pull",
        "registry:catalog:fly",
        "%00%FF",
        ":::::",
    ] {
        let answer = client.get(format!("/token?scope={scope}")).expect(200);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(access(&token), Value::from(Vec::<Value>::new()), "{scope}");
    }
    let answer = client
        .get("/token?scope=repository:a/b:pull,fly")
        .expect(200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        access(&token),
        Value::from(vec![repository("a/b", &["pull"])])
    );
    registry.finish();
}

#[test]
fn less_than_was_asked_for_is_no_error() {
    let registry = Registry::start();
    let user = registry.user("ci", "a password");
    let granted = |client: &Client, scope: &str| {
        let answer = client.get(format!("/token?scope={scope}")).expect(200);
        access(answer.json()["token"].as_str().unwrap())
    };

    let all = "repository:a/b:*";
    assert_eq!(
        granted(&registry.client(), all),
        Value::from(vec![repository("a/b", &["pull"])])
    );
    assert_eq!(
        granted(&user, all),
        Value::from(vec![repository("a/b", &["pull", "push"])])
    );
    let everything = repository("a/b", &["delete", "pull", "push"]);
    assert_eq!(
        granted(&registry.admin(), all),
        Value::from(vec![everything])
    );
    registry.finish();
}

#[test]
fn whose_token_it_is_is_decided_by_the_password_alone() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");

    let answer = client
        .get("/token?account=admin&scope=repository:a/b:delete")
        .expect(200);

    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(super::jwt::claims(&token)["sub"], "ci");
    assert_eq!(access(&token), Value::from(Vec::<Value>::new()));
    registry.finish();
}

#[test]
fn a_token_can_be_had_by_post_with_a_password() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.user("ci", "p&ss=word+ é%");
    Image::new(Format::Oci, "private").push(&client, "a/b", "1");

    let form = "grant_type=password&service=x&client_id=containerd-client\
        &scope=repository:a/b:pull+repository:a/b:pull,push\
        &username=ci&password=p%26ss%3Dword%2B+%C3%A9%25";
    let answer = post(&registry.client(), form).expect(200);

    let json = answer.json();
    assert!(
        json["expires_in"].is_u64() && json["issued_at"].is_string(),
        "{json}"
    );
    assert!(json["scope"].is_string(), "{json}");
    assert_eq!(
        json.get("refresh_token"),
        None,
        "nobody asked for offline access"
    );
    let token = json["access_token"].as_str().expect("access_token");
    let bearer = registry.client().bearer(token);
    bearer.manifest("a/b", "1").expect(200);
    let location = bearer.start_upload("a/b");
    bearer.delete(location).expect(204);
    registry.finish().no_uploads();
}

#[test]
fn a_post_that_proves_nothing_is_refused() {
    let registry = Registry::start();
    registry.user("ci", "a password");
    let client = registry.client();

    for form in [
        "grant_type=password&username=ci&password=wrong&service=x",
        "grant_type=password&username=nobody&password=a+password&service=x",
        "grant_type=password&username=ci&password=&service=x",
        "grant_type=refresh_token&refresh_token=forged&service=x",
        "grant_type=refresh_token&refresh_token=&service=x",
    ] {
        post(&client, form).expect(401);
    }
    for form in [
        "",
        "grant_type=password",
        "grant_type=fly&username=ci",
        "%%%",
        "\0",
    ] {
        let answer = post(&client, form);
        assert!(
            matches!(answer.status.as_u16(), 400 | 401),
            "{form}: {answer}"
        );
    }
    registry.finish();
}
