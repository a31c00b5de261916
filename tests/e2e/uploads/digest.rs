//! What an upload is called in the end: sha256 or sha512, announced or not, right or wrong.

use bytes::Bytes;
use harness::{Digest, Noise, Registry, with_query};

use crate::blobs::malformed_digests;

#[test]
fn a_blob_may_be_named_by_sha512_announced_or_not() {
    let registry = Registry::open();
    let client = registry.plain();
    let noise = Noise::new(1, 2_000_000);
    let (bytes, digest) = (noise.bytes(), noise.sha512());

    for query in ["", "?digest-algorithm=sha512", "?digest-algorithm=sha256"] {
        let begun = client
            .post(format!("/v2/a/b/blobs/uploads/{query}"), "")
            .expect(202);
        let answer = client
            .patch(begun.location(), bytes.slice(..1_500_000))
            .expect(202);
        let rest = bytes.slice(1_500_000..);
        let stored = client
            .finish_upload(&answer.location(), &digest, &rest)
            .expect(201);
        assert_eq!(stored.digest(), digest);
        client.delete(format!("/v2/a/b/blobs/{digest}")).expect(202);
    }
    let single = format!("/v2/a/b/blobs/uploads/?digest={digest}");
    client.post(single, &bytes).expect(201);
    assert_eq!(client.blob("a/b", &digest).expect(200).body, bytes);
    registry.finish().no_uploads();
}

#[test]
fn an_upload_announced_for_sha512_may_be_named_by_sha256() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Bytes::from("bytes");

    let begun = client
        .post("/v2/a/b/blobs/uploads/?digest-algorithm=sha512", "")
        .expect(202);
    client
        .finish_upload(&begun.location(), &Digest::of(&bytes), &bytes)
        .expect(201);

    registry.finish().no_uploads();
}

#[test]
fn an_algorithm_nobody_can_check_is_refused_at_once() {
    let registry = Registry::open();
    let client = registry.plain();

    for algorithm in ["md5", "sha1", "SHA256", "sha257", "", "../x"] {
        let path = format!("/v2/a/b/blobs/uploads/?digest-algorithm={algorithm}");
        client.post(path, "").refused(400, "DIGEST_INVALID");
    }
    let truth = registry.finish().no_uploads();
    assert!(truth.repositories.is_empty(), "{truth:?}");
}

#[test]
fn content_that_is_not_what_it_is_called_is_refused_on_every_route_and_leaves_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 100_000).bytes();

    for wrong in [Digest::of(b"other"), Digest::sha512(b"other")] {
        let single = format!("/v2/a/b/blobs/uploads/?digest={wrong}");
        client.post(single, &bytes).refused(400, "DIGEST_INVALID");

        let location = client.start_upload("a/b");
        client
            .finish_upload(&location, &wrong, &bytes)
            .refused(400, "DIGEST_INVALID");
        client.get(location).refused(404, "BLOB_UPLOAD_UNKNOWN");

        let location = client.start_upload("a/b");
        client.patch(&location, &bytes).expect(202);
        client
            .finish_upload(&location, &wrong, "")
            .refused(400, "DIGEST_INVALID");
        client.get(location).refused(404, "BLOB_UPLOAD_UNKNOWN");

        client.blob("a/b", &wrong).expect(404);
    }
    client.blob("a/b", &Digest::of(&bytes)).expect(404);
    let truth = registry.finish().no_uploads();
    assert!(truth.blobs.is_empty(), "{truth:?}");
}

#[test]
fn an_upload_cannot_be_closed_without_a_digest() {
    let registry = Registry::open();
    let client = registry.plain();
    let location = client.start_upload("a/b");

    client
        .put(&location, "bytes")
        .refused(400, "DIGEST_INVALID");
    client
        .put(with_query(&location, "digest="), "bytes")
        .refused(400, "DIGEST_INVALID");
    for digest in malformed_digests() {
        let path = with_query(&location, &format!("digest={digest}"));
        client.put(path, "bytes").refused(400, "DIGEST_INVALID");
        let single = format!("/v2/a/b/blobs/uploads/?digest={digest}");
        client.post(single, "bytes").refused(400, "DIGEST_INVALID");
    }
    client.delete(location).expect(204);
    assert!(registry.finish().no_uploads().blobs.is_empty());
}
