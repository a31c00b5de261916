//! What a digest names is what comes, or nothing comes.

use bytes::Bytes;
use harness::{Digest, Fault, Format, Image, Noise, Session, Upstream};
use http::Method;

use crate::pull_through::registry;

#[test]
fn another_manifest_under_a_digest_is_neither_served_nor_kept() {
    let upstream = Upstream::start();
    let (asked, other) = (
        Image::new(Format::Oci, "asked for"),
        Image::new(Format::Oci, "other"),
    );
    let digest = asked.digest();
    // Which the header of the answer claims too.
    upstream.put("a/b", digest.as_str(), &other);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    for _ in 0..2 {
        client
            .manifest("up.example/a/b", digest.as_str())
            .expect(502);
        client
            .manifest("up.example/a/b", other.digest().as_str())
            .expect(404);
    }
    let truth = registry.finish().no_uploads();
    assert!(truth.blobs.is_empty(), "{:?}", truth.blobs);
}

#[test]
fn a_digest_in_a_header_changes_nothing() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let lie = Digest::of(b"something else");
    upstream.always(Fault::Set("docker-content-digest", lie.to_string()));
    let registry = registry(&upstream, "");
    let client = registry.plain();
    let answer = client.manifest("up.example/a/b", "1").expect(200);
    assert_eq!(answer.digest(), image.digest());
    assert_eq!(Digest::of(&answer.body), image.digest());
    client.manifest("up.example/a/b", lie.as_str()).expect(404);
    registry.finish().no_uploads();
}

#[test]
fn another_blob_under_a_digest_is_never_served_to_its_end_nor_kept() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, 100_000).bytes();
    let image = Image::assemble(Format::Oci, "{}".into(), vec![layer.clone()]);
    upstream.put("a/b", "1", &image);
    let digest = Digest::of(&layer);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let path = format!("/v2/up.example/a/b/blobs/{digest}");
    let wrong: [Bytes; 5] = [
        Noise::new(2, 100_000).bytes(),
        Noise::new(1, 99_999).bytes(),
        Noise::new(1, 100_001).bytes(),
        Bytes::new(),
        layer.slice(1..),
    ];
    for other in wrong {
        upstream.put_blob_as("a/b", &digest, &other);
        for range in [None, Some("bytes=0-"), Some("bytes=-100000")] {
            let request = client.request(Method::GET, &path);
            let request = range
                .into_iter()
                .fold(request, |request, range| request.header("range", range));
            if let Ok(answer) = request.over(&mut Session::of(&client)) {
                assert!(matches!(answer.status.as_u16(), 502 | 416), "{answer}");
            }
        }
    }
    upstream.put_blob("a/b", &layer);
    assert_eq!(
        client.blob("up.example/a/b", &digest).expect(200).body,
        layer
    );
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.blobs.len(), 2);
}
