//! An upload in progress: asked about, given up, fought over.

use bytes::Bytes;
use harness::{Client, Digest, Noise, Registry, with_query};
use http::Method;

const UNKNOWN: &str = "BLOB_UPLOAD_UNKNOWN";

#[test]
fn an_upload_says_how_far_it_is() {
    let registry = Registry::open();
    let client = registry.plain();
    let begun = client.post("/v2/a/b/blobs/uploads/", "").expect(202);
    let (location, id) = (
        begun.location(),
        begun.must("docker-upload-uuid").to_owned(),
    );
    client.patch(&location, vec![7; 1234]).expect(202);

    // Also with what was left over from a closing PUT that failed.
    for path in [location.clone(), with_query(&location, "digest=sha256:abc")] {
        let answer = client.get(path).expect(204).has("range", "0-1233");
        assert_eq!(answer.must("docker-upload-uuid"), id);
        assert!(
            answer.location().starts_with("/v2/a/b/blobs/uploads/"),
            "{answer}"
        );
        assert!(answer.body.is_empty());
    }
    assert_eq!(registry.check().uploads.len(), 1);
    client.delete(location).expect(204);
    registry.finish().no_uploads();
}

#[test]
fn an_upload_nobody_began_is_unknown() {
    let registry = Registry::open();
    let client = registry.plain();
    client.push_blob("a/b", &"bytes".into());

    for id in [
        "b7a2f7f0-0000-4000-8000-000000000000",
        "x",
        "..%2F..%2Fetc",
        "%00",
        "a%20b",
    ] {
        let path = format!("/v2/a/b/blobs/uploads/{id}");
        let close = with_query(&path, &format!("digest={}", Digest::of(b"")));
        client.get(&path).expect(404);
        client.patch(&path, "bytes").expect(404);
        client.put(close, "").expect(404);
        client.delete(&path).expect(404);
    }
    registry.finish().no_uploads();
}

#[test]
fn an_upload_given_up_is_gone() {
    let registry = Registry::open();
    let client = registry.plain();
    let location = client.start_upload("a/b");
    client.patch(&location, "half of it").expect(202);

    client.delete(&location).expect(204).lacks("content-length");

    client.get(&location).refused(404, UNKNOWN);
    client.patch(&location, "more").refused(404, UNKNOWN);
    let digest = Digest::of(b"half of it");
    client
        .finish_upload(&location, &digest, "")
        .refused(404, UNKNOWN);
    client.delete(&location).refused(404, UNKNOWN);
    client.blob("a/b", &digest).expect(404);
    let truth = registry.finish().no_uploads();
    assert!(
        truth.blobs.is_empty() && truth.repositories.is_empty(),
        "{truth:?}"
    );
}

#[test]
fn an_upload_is_closed_once() {
    let registry = Registry::open();
    let client = registry.plain();
    let location = client.start_upload("a/b");
    let digest = Digest::of(b"bytes");
    client
        .finish_upload(&location, &digest, "bytes")
        .expect(201);

    // A client that lost the first answer may be told the same again, or that it is over.
    let again = client.finish_upload(&location, &digest, "bytes");
    assert!(matches!(again.status.as_u16(), 201 | 404), "{again}");
    client
        .finish_upload(&location, &Digest::of(b"other"), "other")
        .refused(404, UNKNOWN);
    client.patch(&location, "more").refused(404, UNKNOWN);
    assert_eq!(client.blob("a/b", &digest).expect(200).body, "bytes");
    registry.finish().no_uploads();
}

#[track_caller]
fn is_hidden_from(client: &Client, location: &str) {
    client.get(location).refused(404, UNKNOWN);
    client.patch(location, "more").refused(404, UNKNOWN);
    client
        .finish_upload(location, &Digest::of(b"mine"), "")
        .refused(404, UNKNOWN);
    client.delete(location).refused(404, UNKNOWN);
}

#[test]
fn an_upload_belongs_to_who_began_it_and_to_its_repository() {
    let registry = Registry::start();
    let owner = registry.user("owner", "a password");
    let other = registry.user("other", "a password");
    let location = owner.start_upload("a/b");
    owner.patch(&location, "mine").expect(202);

    is_hidden_from(&other, &location);
    is_hidden_from(&registry.admin(), &location);
    registry
        .client()
        .get(&location)
        .refused(401, "UNAUTHORIZED");
    for elsewhere in ["/v2/a/", "/v2/a/b/c/", "/v2/c/"] {
        is_hidden_from(&owner, &location.replacen("/v2/a/b/", elsewhere, 1));
    }
    owner.get(&location).expect(204).has("range", "0-3");
    owner
        .finish_upload(&location, &Digest::of(b"mine"), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn two_writers_never_mix_their_bytes() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 400_000).bytes();
    let location = client.start_upload("a/b");

    // `Expect` tells when the first writer holds the upload: its body is asked for.
    let mut first = client.connect();
    first.send(format!(
        "PATCH {location} HTTP/1.1\r\n{}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        client.raw_headers(),
        bytes.len(),
    ));
    let go_on = first.head();
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    first.send(bytes.slice(..200_000));

    let second = client.patch(&location, Bytes::from(vec![0; 1000]));
    assert!(second.status.is_client_error(), "{second}");
    let closing = client.finish_upload(&location, &Digest::of(&bytes), "");
    assert!(closing.status.is_client_error(), "{closing}");

    first.send(bytes.slice(200_000..));
    let answer = first.head();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    first.cut();
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    assert_eq!(
        client.blob("a/b", &Digest::of(&bytes)).expect(200).body,
        bytes
    );
    registry.finish().no_uploads();
}

#[test]
fn many_clients_may_push_the_same_blob_at_once() {
    let registry = Registry::open();
    let client = registry.plain();
    let noise = Noise::new(1, 2_000_000);

    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (client, noise) = (&client, &noise);
            scope.spawn(move || client.push_noise(["a", "b"][writer % 2], noise));
        }
    });

    for repository in ["a", "b"] {
        let path = format!("/v2/{repository}/blobs/{}", noise.digest());
        let download = client.request(Method::GET, path).download();
        assert_eq!(download.digest, noise.digest());
    }
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.size(), noise.len(), "the same bytes lie there once");
}
