//! The three modes of `--anonymous`: what is open without login.

use harness::{Anonymous, Client, Format, Image, Registry};

/// What a client without a login may do in a repository that holds `1`, directly and by token.
#[track_caller]
fn check(registry: &Registry, pull: u16, push: u16, delete: u16) {
    let stranger = registry.client();
    stranger.manifest("a/b", "1").expect(pull);
    stranger.get("/v2/a/b/tags/list").expect(pull);
    stranger.get("/v2/_catalog").expect(pull);
    let begun = stranger.post("/v2/a/b/blobs/uploads/", "").expect(push);
    if push == 202 {
        stranger.delete(begun.location()).expect(204);
    }
    stranger.delete("/v2/a/b/manifests/gone").expect(delete);
}

fn prepared(anonymous: Anonymous) -> Registry {
    let registry = Registry::with().anonymous(anonymous).start();
    let admin = registry.admin();
    let image = Image::new(Format::Oci, "content");
    image.push(&admin, "a/b", "1");
    image.push(&admin, "a/b", "gone");
    registry
}

fn anonymous_token(registry: &Registry) -> Client {
    let stranger = registry.client();
    let answer = stranger
        .get("/token?service=x&scope=repository:a/b:pull,push,delete")
        .expect(200);
    let token = answer.json()["token"].as_str().expect("token").to_owned();
    stranger.bearer(&token)
}

#[test]
fn with_none_nothing_is_open() {
    let registry = prepared(Anonymous::None);

    check(&registry, 401, 401, 401);
    registry.client().get("/v2/").refused(401, "UNAUTHORIZED");
    // A token for nobody opens nothing: not even the ping, by which clients check a login.
    let nobody = anonymous_token(&registry);
    nobody.get("/v2/").expect(401);
    nobody.manifest("a/b", "1").expect(401);
    nobody.post("/v2/a/b/blobs/uploads/", "").expect(401);
    registry.finish().no_uploads();
}

#[test]
fn with_pull_everyone_reads_and_only_users_write() {
    let registry = prepared(Anonymous::Pull);

    check(&registry, 200, 401, 401);
    registry.client().get("/v2/").refused(401, "UNAUTHORIZED");
    let token = anonymous_token(&registry);
    token.get("/v2/").expect(200);
    token.manifest("a/b", "1").expect(200);
    token.post("/v2/a/b/blobs/uploads/", "").expect(401);
    token.delete("/v2/a/b/manifests/gone").expect(401);
    let user = registry.user("ci", "a password");
    Image::new(Format::Oci, "pushed").push(&user, "a/b", "2");
    user.delete("/v2/a/b/manifests/gone").refused(403, "DENIED");
    registry
        .admin()
        .delete("/v2/a/b/manifests/gone")
        .expect(202);
    registry.finish().no_uploads();
}

#[test]
fn with_push_everyone_does_everything() {
    let registry = prepared(Anonymous::Push);

    registry.client().get("/v2/").expect(200);
    check(&registry, 200, 202, 202);
    let token = anonymous_token(&registry);
    token.manifest("a/b", "1").expect(200);
    Image::new(Format::Oci, "pushed").push(&token, "a/b", "2");
    token.delete("/v2/a/b/manifests/2").expect(202);
    registry.finish().no_uploads();
}

#[test]
fn without_a_word_on_the_command_line_everyone_may_pull() {
    let registry = Registry::start();
    let user = registry.user("ci", "a password");
    Image::new(Format::Oci, "public").push(&user, "a/b", "1");

    registry.client().manifest("a/b", "1").expect(200);
    registry
        .client()
        .post("/v2/a/b/blobs/uploads/", "")
        .expect(401);
    registry.finish().no_uploads();
}
