//! Refresh tokens: a login that docker keeps in place of the password.

use harness::{Anonymous, Client, Format, Image, Registry};

use super::token::post;

fn refresh_token(client: &Client) -> String {
    let answer = client
        .get("/token?offline_token=true&client_id=docker&service=x")
        .expect(200);
    answer.json()["refresh_token"]
        .as_str()
        .expect("refresh_token")
        .to_owned()
}

fn refreshed(client: &Client, token: &str, scope: &str) -> Client {
    let form = format!(
        "grant_type=refresh_token&service=x&client_id=docker&scope={scope}&refresh_token={token}"
    );
    let answer = post(&client.clone().anonymous(), &form).expect(200);
    client.clone().bearer(
        answer.json()["access_token"]
            .as_str()
            .expect("access_token"),
    )
}

#[test]
fn a_refresh_token_gives_access_tokens_also_after_a_restart() {
    let mut registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.user("ci", "a password");
    Image::new(Format::Oci, "private").push(&client, "a/b", "1");
    let token = refresh_token(&client);

    refreshed(&client, &token, "repository:a/b:pull")
        .manifest("a/b", "1")
        .expect(200);
    registry.restart();
    refreshed(&client, &token, "repository:a/b:pull")
        .manifest("a/b", "1")
        .expect(200);

    registry.finish();
}

#[test]
fn a_refresh_token_may_be_had_by_post() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");

    let form = "grant_type=password&access_type=offline&service=x&username=ci&password=a+password";
    let answer = post(&registry.client(), form).expect(200);

    let token = answer.json()["refresh_token"]
        .as_str()
        .expect("refresh_token")
        .to_owned();
    refreshed(&client, &token, "").get("/v2/").expect(200);
    registry.finish();
}

#[test]
fn nobody_in_particular_gets_no_refresh_token() {
    let registry = Registry::start();

    let answer = registry
        .client()
        .get("/token?offline_token=true&service=x")
        .expect(200);

    assert_eq!(answer.json().get("refresh_token"), None);
    registry.finish();
}

#[test]
fn a_refresh_token_gives_no_more_than_its_user_may() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");
    let digest = client.push_blob("a/b", &"bytes".into());
    let token = refresh_token(&client);

    let wide = refreshed(&client, &token, "repository:a/b:pull,push,delete");

    wide.delete(format!("/v2/a/b/blobs/{digest}"))
        .refused(403, "DENIED");
    wide.blob("a/b", &digest).expect(200);
    registry.finish();
}

#[test]
fn a_refresh_token_dies_with_the_password_it_was_given_for() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");
    let token = refresh_token(&client);
    let form = format!("grant_type=refresh_token&service=x&refresh_token={token}");

    registry
        .command(&["user", "password", "ci", "--password-stdin"], "another")
        .ok();
    post(&registry.client(), &form).expect(401);

    let renewed = registry.client().basic("ci", "another");
    let token = refresh_token(&renewed);
    registry.command(&["user", "remove", "ci"], "").ok();
    let form = format!("grant_type=refresh_token&service=x&refresh_token={token}");
    post(&registry.client(), &form).expect(401);
    registry.finish();
}
