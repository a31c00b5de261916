//! Who may have something fetched, what may be fetched, and what may be pushed where it lies.

use harness::{Anonymous, Format, Image, Registry, Scratch, Upstream};

use super::{registry, section};

#[test]
fn only_what_is_listed_is_fetched() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("team/app", "1", &image);
    upstream.put("other/app", "1", &image);
    let registry = registry(&upstream, "repositories = [\"team/**\"]");
    let client = registry.plain();
    client.manifest("up.example/team/app", "1").expect(200);
    client.manifest("up.example/other/app", "1").expect(404);
    assert_eq!(upstream.wanted().len(), 1);
    registry.finish().no_uploads();
}

#[test]
fn strangers_have_nothing_fetched_with_our_credentials_unless_they_may() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let scratch = Scratch::new();
    let auth = scratch.file("auth.json", "{\"auths\": {}}");
    let line = format!("auth_file = \"{}\"", auth.display());
    let mut registry = registry(&upstream, &line);
    registry.plain().manifest("up.example/a/b", "1").expect(404);
    assert_eq!(upstream.wanted().len(), 0);
    registry.admin().manifest("up.example/a/b", "1").expect(200);
    // What is here is here for all.
    registry.plain().manifest("up.example/a/b", "1").expect(200);
    let line = format!("{line}\nanonymous_fill = true");
    upstream.put("c/d", "1", &image);
    registry.reconfigure(&section(&upstream, &line));
    registry.restart();
    registry.plain().manifest("up.example/c/d", "1").expect(200);
    registry.finish().no_uploads();
}

#[test]
fn nobody_pushes_where_an_upstreams_content_lies_unless_it_is_writable() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    for (more, status) in [("", 403), ("writable = true", 202)] {
        let config = section(&upstream, more);
        let registry = Registry::with()
            .config(config)
            .anonymous(Anonymous::Push)
            .start();
        let client = registry.plain();
        client
            .post("/v2/up.example/a/b/blobs/uploads/", "")
            .expect(status);
        let put = image.manifest.put(&client, "up.example/a/b", "1");
        put.expect(if status == 202 { 201 } else { 403 });
        image.push(&client, "mine/a", "1").expect(201);
    }
}

#[test]
fn what_was_pushed_is_not_replaced_by_what_the_upstream_has() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &Image::new(Format::Oci, "theirs"));
    let config = section(&upstream, "writable = true\ntag_max_age = \"1ms\"");
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Push)
        .start();
    let client = registry.plain();
    let ours = Image::new(Format::Oci, "ours");
    ours.push(&client, "up.example/a/b", "1").expect(201);
    let answer = client.manifest("up.example/a/b", "1").expect(200);
    assert_eq!(answer.digest(), ours.digest());
    registry.finish().no_uploads();
}

#[test]
fn a_private_repository_is_not_opened_by_what_an_upstream_has() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let rule =
        "[[auth.rule]]\nwho = [\"admin\"]\nrepositories = [\"up.example/**\"]\nmay = [\"pull\"]\n";
    let config = format!("{rule}{}", section(&upstream, ""));
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Pull)
        .start();
    registry.plain().manifest("up.example/a/b", "1").expect(401);
    registry
        .plain()
        .get("/v2/a/b/manifests/1?ns=up.example")
        .expect(401);
    assert_eq!(upstream.wanted().len(), 0);
    registry.admin().manifest("up.example/a/b", "1").expect(200);
    registry.finish().no_uploads();
}
