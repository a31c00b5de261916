//! The blob of no bytes, which many images share, by every route.

use harness::{Body, Client, Digest, Registry, with_query};

fn empty_pieces() -> Body {
    Body::chunked(std::iter::empty())
}

#[track_caller]
fn is_there(client: &Client, repository: &str, digest: &Digest) {
    let path = format!("/v2/{repository}/blobs/{digest}");
    client.head(&path).expect(200).has("content-length", "0");
    assert!(client.get(path).expect(200).body.is_empty());
}

#[track_caller]
fn comes_by_every_route(digest: &Digest) {
    let registry = Registry::open();
    let client = registry.plain();

    client
        .post(format!("/v2/single/blobs/uploads/?digest={digest}"), "")
        .expect(201);
    client
        .post(
            format!("/v2/pieces/blobs/uploads/?digest={digest}"),
            empty_pieces(),
        )
        .expect(201);

    let location = client.start_upload("put");
    client.finish_upload(&location, digest, "").expect(201);

    // As containerd does it: `Transfer-Encoding: chunked`, no length.
    let location = client.start_upload("put-pieces");
    client
        .finish_upload(&location, digest, empty_pieces())
        .expect(201);

    let location = client.start_upload("patch");
    let answer = client.patch(location, "").expect(202).has("range", "0-0");
    client
        .finish_upload(&answer.location(), digest, "")
        .expect(201);

    let location = client.start_upload("patch-pieces");
    let location = client
        .patch(location, empty_pieces())
        .expect(202)
        .location();
    client
        .finish_upload(&location, digest, empty_pieces())
        .expect(201);

    let repositories = [
        "single",
        "pieces",
        "put",
        "put-pieces",
        "patch",
        "patch-pieces",
    ];
    for repository in repositories {
        is_there(&client, repository, digest);
    }
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.blobs.len(), 1, "the same bytes lie there once");
}

#[test]
fn the_empty_blob_comes_by_every_route() {
    comes_by_every_route(&Digest::of(b""));
}

#[test]
fn the_empty_blob_named_by_sha512_comes_by_every_route() {
    comes_by_every_route(&Digest::sha512(b""));
}

#[test]
fn a_put_without_any_word_of_a_body_stores_the_empty_blob() {
    let registry = Registry::open();
    let client = registry.plain();
    let location = client.start_upload("a/b");
    let digest = Digest::of(b"");

    let path = with_query(&location, &format!("digest={digest}"));
    let headers = client.raw_headers();
    let answer = client.raw(format!(
        "PUT {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
    ));

    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    is_there(&client, "a/b", &digest);
    registry.finish().no_uploads();
}

#[test]
fn a_shared_blob_can_be_deleted_and_pushed_again() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a", &"{}".into());
    client.push_blob("b", &"{}".into());

    client.delete(format!("/v2/a/blobs/{digest}")).expect(202);
    client.blob("a", &digest).expect(404);
    client.blob("b", &digest).expect(200);
    client.push_blob("a", &"{}".into());
    client.blob("a", &digest).expect(200);
    registry.finish().no_uploads();
}
