//! What was given ends when it is taken back, at once.

use harness::{Anonymous, Client, Registry};

#[track_caller]
fn check_that_it_ends(registry: &Registry, client: &Client, command: &[&str], input: &str) {
    let token = client
        .clone()
        .bearer(&client.token(&["repository:a/b:pull,push"]));
    // Both were used, and so may be remembered.
    client.get("/v2/a/b/tags/list").expect(200);
    token.get("/v2/a/b/tags/list").expect(200);

    registry.command(command, input).ok();

    client.get("/v2/a/b/tags/list").refused(401, "UNAUTHORIZED");
    token.get("/v2/a/b/tags/list").refused(401, "UNAUTHORIZED");
    client.get("/token").expect(401);
}

#[test]
fn a_removed_user_is_out_with_every_token_they_had() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    registry.admin().push_blob("a/b", &"bytes".into());
    let client = registry.user("ci", "a password");

    check_that_it_ends(&registry, &client, &["user", "remove", "ci"], "");

    registry.finish();
}

#[test]
fn a_new_user_of_an_old_name_does_not_inherit_the_old_tokens() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.user("ci", "a password");
    let token = client.token(&["repository:a/b:pull"]);

    registry.command(&["user", "remove", "ci"], "").ok();
    let again = registry.user("ci", "a password");

    client
        .bearer(&token)
        .get("/v2/")
        .refused(401, "UNAUTHORIZED");
    again.get("/v2/").expect(200);
    registry.finish();
}

#[test]
fn a_changed_password_ends_all_that_hung_on_the_old_one() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    registry.admin().push_blob("a/b", &"bytes".into());
    let client = registry.user("ci", "a password");

    let change = ["user", "password", "ci", "--password-stdin"];
    check_that_it_ends(&registry, &client, &change, "another password");

    registry
        .client()
        .basic("ci", "another password")
        .get("/v2/")
        .expect(200);
    registry.finish();
}
