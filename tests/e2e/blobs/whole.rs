//! `GET` and `HEAD` of a whole blob, and `If-None-Match`.

use harness::{Digest, Noise, Registry, Response};
use http::Method;

/// Spellings that must nowhere pass for a digest.
pub(crate) fn malformed_digests() -> Vec<String> {
    let hex = Digest::of(b"").hex().to_owned();
    vec![
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha512:{hex}"),
        format!("md5:{}", &hex[..32]),
        format!("sha256:{}g", &hex[1..]),
        format!("sha256:{hex}%00"),
        format!("sha256:{}%C3%A9", &hex[2..]),
        "sha256:".to_owned(),
        "sha256:baddigeststring".to_owned(),
        ":".to_owned(),
    ]
}

#[test]
fn a_blob_comes_with_all_that_clients_compare() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 300_000).bytes();
    let digest = client.push_blob("a/b", &bytes);
    let path = format!("/v2/a/b/blobs/{digest}");
    let described = |answer: Response| {
        answer
            .has("content-length", "300000")
            .has("content-type", "application/octet-stream")
            .has("docker-content-digest", digest.as_str())
            .has("etag", &format!("\"{digest}\""))
            .has("accept-ranges", "bytes")
    };

    assert_eq!(described(client.get(&path).expect(200)).body, bytes);
    described(client.head(&path).expect(200));
    // Go's clients ask for this and then no longer know the length.
    let squeezed = client
        .request(Method::GET, &path)
        .header("accept-encoding", "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5")
        .send();
    assert_eq!(
        described(squeezed.expect(200))
            .lacks("content-encoding")
            .body,
        bytes
    );
    registry.finish().no_uploads();
}

#[test]
fn a_client_that_holds_a_blob_is_told_so_without_its_bytes() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());
    let path = format!("/v2/a/b/blobs/{digest}");
    let ask = |condition: &str, status: u16| {
        let request = client.request(Method::GET, &path);
        request
            .header("if-none-match", condition)
            .send()
            .expect(status)
    };

    for held in [
        format!("\"{digest}\""),
        format!("W/\"{digest}\""),
        format!("\"other\", \"{digest}\""),
        "*".to_owned(),
    ] {
        let answer = ask(&held, 304).has("etag", &format!("\"{digest}\""));
        assert!(answer.body.is_empty(), "{answer}");
    }
    for other in ["\"other\"", "\"sha256:0\"", ""] {
        assert_eq!(ask(other, 200).body, "bytes");
    }
    registry.finish();
}

#[test]
fn a_blob_of_another_repository_is_unknown_here() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"secret".into());
    client.push_blob("a/c", &"other".into());

    client.blob("a/c", &digest).refused(404, "BLOB_UNKNOWN");
    for repository in ["a", "a/b/c", "a/c", "nowhere"] {
        let path = format!("/v2/{repository}/blobs/{digest}");
        client.head(&path).expect(404);
        let part = client
            .request(Method::GET, &path)
            .header("range", "bytes=0-0")
            .send();
        part.expect(404).lacks("content-range");
        let held = client
            .request(Method::GET, &path)
            .header("if-none-match", "*")
            .send();
        held.expect(404).lacks("etag");
    }
    registry.finish();
}

#[test]
fn what_is_no_digest_is_refused_as_one() {
    let registry = Registry::open();
    let client = registry.plain();
    client.push_blob("a/b", &"bytes".into());

    for digest in malformed_digests() {
        let path = format!("/v2/a/b/blobs/{digest}");
        client.get(&path).refused(400, "DIGEST_INVALID");
        client.head(&path).expect(400);
        client.delete(&path).refused(400, "DIGEST_INVALID");
    }
    registry.finish();
}

#[test]
fn a_blob_named_by_sha512_is_served_under_that_name() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(2, 70_000).bytes();
    let digest = Digest::sha512(&bytes);
    let location = client.start_upload("a/b");
    client.finish_upload(&location, &digest, &bytes).expect(201);

    let answer = client.blob("a/b", &digest).expect(200);

    assert_eq!(answer.digest(), digest);
    assert_eq!(answer.body, bytes);
    registry.finish().no_uploads();
}

/// A blob may be a page that somebody made for an administrator's browser.
#[test]
fn a_browser_never_takes_a_blob_for_a_page_of_ours() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"<script>alert(1)</script>".into());

    let answer = client.blob("a/b", &digest).expect(200);

    let answer = answer.has("x-content-type-options", "nosniff");
    let policy = answer.must("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    registry.finish();
}
