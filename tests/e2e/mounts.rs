//! Mounts (end-11): a blob appears where it is wanted, if the caller may see it where it is. In all
//! other cases an upload begins, and the answer tells nothing.

use harness::{Client, Digest, Format, Image, Registry, Response};

const RULES: &str = r#"
[[auth.rule]]
who = ["insider", "admin"]
repositories = ["private/**"]
may = ["pull", "push"]
"#;

fn mount(client: &Client, repository: &str, query: &str) -> Response {
    client.post(format!("/v2/{repository}/blobs/uploads/?{query}"), "")
}

/// Insists that this answer began an upload, and ends it with the blob's bytes.
#[track_caller]
fn uploads_instead(client: &Client, answer: Response, bytes: &'static str) {
    let location = answer.expect(202).lacks("docker-content-digest").location();
    client
        .finish_upload(&location, &Digest::of(bytes.as_bytes()), bytes)
        .expect(201);
}

#[test]
fn a_blob_is_mounted_with_and_without_saying_from_where() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("deep/source", &"bytes".into());

    for (target, query) in [
        ("with", format!("mount={digest}&from=deep/source")),
        (
            "encoded",
            format!("mount={digest}&from=deep%2Fsource&origin=example.com"),
        ),
        ("without", format!("mount={digest}")),
    ] {
        let answer = mount(&client, target, &query).expect(201);
        assert_eq!(answer.location(), format!("/v2/{target}/blobs/{digest}"));
        assert_eq!(answer.digest(), digest);
        assert_eq!(client.blob(target, &digest).expect(200).body, "bytes");
    }
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.blobs.len(), 1, "the same bytes lie there once");
}

#[test]
fn what_cannot_be_mounted_is_uploaded() {
    let registry = Registry::open();
    let client = registry.plain();
    client.push_blob("source", &"other".into());
    let bytes = "bytes";
    let digest = Digest::of(bytes.as_bytes());

    for (target, query) in [
        ("a", format!("mount={digest}&from=source")),
        ("b", format!("mount={digest}&from=no/such/repository")),
        ("c", format!("mount={}", Digest::of(b"nowhere"))),
    ] {
        uploads_instead(&client, mount(&client, target, &query), bytes);
    }
    // It is in `a` now, but a client that says `source` means `source`.
    uploads_instead(
        &client,
        mount(&client, "d", &format!("mount={digest}&from=source")),
        bytes,
    );
    registry.finish().no_uploads();
}

#[test]
fn a_body_on_a_mount_means_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("source", &"bytes".into());
    let path = format!("/v2/target/blobs/uploads/?mount={digest}&from=source");

    client.post(&path, vec![1; 2_000_000]).expect(201);

    assert_eq!(client.blob("target", &digest).expect(200).body, "bytes");
    registry.finish().no_uploads();
}

#[test]
fn a_malformed_mount_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("source", &"bytes".into());

    for wrong in crate::blobs::malformed_digests() {
        let query = format!("mount={wrong}&from=source");
        mount(&client, "target", &query).refused(400, "DIGEST_INVALID");
    }
    for wrong in ["..", "A", "source/", "/source", "a//b", "%00", ""] {
        let query = format!("mount={digest}&from={wrong}");
        mount(&client, "target", &query).refused(400, "NAME_INVALID");
    }
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.repositories.len(), 1, "{truth:?}");
}

#[test]
fn nobody_mounts_what_they_may_not_pull() {
    let registry = Registry::with().config(RULES).start();
    let insider = registry.user("insider", "a password");
    let outsider = registry.user("outsider", "a password");
    let secret = "a secret layer";
    let digest = insider.push_blob("private/source", &secret.into());

    for query in [
        format!("mount={digest}&from=private/source"),
        format!("mount={digest}"),
    ] {
        let answer = mount(&outsider, "public/target", &query);
        let location = answer.expect(202).lacks("docker-content-digest").location();
        outsider.blob("public/target", &digest).expect(404);
        outsider.delete(location).expect(204);
    }
    // The answer is the same for what does not exist at all.
    let nothing = Digest::of(b"never pushed");
    let answer = mount(
        &outsider,
        "public/target",
        &format!("mount={nothing}&from=private/source"),
    );
    outsider.delete(answer.expect(202).location()).expect(204);

    mount(&insider, "public/target", &format!("mount={digest}")).expect(201);
    outsider.blob("public/target", &digest).expect(200);
    registry.finish().no_uploads();
}

#[test]
fn a_token_mounts_only_from_where_it_may_pull() {
    let registry = Registry::start();
    let client = registry.user("ci", "a password");
    let digest = client.push_blob("source", &"bytes".into());
    let query = format!("mount={digest}&from=source");
    let with = |scopes: &[&str]| client.clone().bearer(&client.token(scopes));

    let narrow = with(&["repository:narrow:pull,push"]);
    let answer = mount(&narrow, "narrow", &query);
    assert!(matches!(answer.status.as_u16(), 202 | 401), "{answer}");
    narrow.blob("narrow", &digest).expect(404);

    let wide = with(&["repository:wide:pull,push", "repository:source:pull"]);
    mount(&wide, "wide", &query).expect(201);
    let everywhere = with(&["repository:wide2:pull,push+repository:source:pull"]);
    mount(&everywhere, "wide2", &query).expect(201);
    registry.finish();
}

#[test]
fn a_mount_without_login_is_told_both_scopes() {
    let registry = Registry::start();
    let digest = Digest::of(b"bytes");

    let query = format!("mount={digest}&from=source");
    let answer = mount(&registry.client(), "target", &query).refused(401, "UNAUTHORIZED");

    let challenge = answer.must("www-authenticate");
    assert!(
        challenge.contains("scope=\"repository:target:pull,push repository:source:pull\""),
        "{challenge}"
    );
    registry.finish().no_uploads();
}

#[test]
fn a_mounted_blob_outlives_its_source() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "mounted");
    image.push(&client, "source", "1");
    let digest = Digest::of(&image.layers[0]);
    mount(&client, "target", &format!("mount={digest}&from=source")).expect(201);

    client
        .delete(format!("/v2/source/blobs/{digest}"))
        .expect(202);

    client.blob("source", &digest).expect(404);
    assert_eq!(
        client.blob("target", &digest).expect(200).body,
        image.layers[0]
    );
    // What was taken away from the source is not given back by asking for it there.
    let again = mount(&client, "third", &format!("mount={digest}&from=source")).expect(202);
    client.delete(again.location()).expect(204);
    registry.finish().no_uploads();
}
