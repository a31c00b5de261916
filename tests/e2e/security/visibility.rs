//! Who sees a blob: whoever may pull from a repository that holds it, and nobody else, however often it
//! lies on this disk already (CVE-2024-39897, CVE-2026-35172).

use harness::{Client, Digest, Format, Image, Registry, Response};
use http::Method;

const RULES: &str = r#"
[storage]
gc_grace = "1s"
[auth]
anonymous = "none"
[[auth.rule]]
who = ["ann", "admin"]
repositories = ["secret/**"]
may = ["pull", "push", "delete"]
[[auth.rule]]
who = ["bob", "admin"]
repositories = ["open/**"]
may = ["pull", "push", "delete"]
"#;

const SECRET: &str = "a secret layer";

/// Every way to read a blob of this digest from this repository.
fn reads(client: &Client, repository: &str, digest: &Digest) -> Vec<Response> {
    let path = format!("/v2/{repository}/blobs/{digest}");
    let range = client
        .request(Method::GET, &path)
        .header("range", "bytes=0-0");
    let held = client.request(Method::GET, &path);
    let held = held.header("if-none-match", format!("\"{digest}\""));
    vec![
        client.get(&path),
        client.head(&path),
        range.send(),
        held.send(),
    ]
}

#[track_caller]
fn sees_nothing(client: &Client, repository: &str, digest: &Digest) {
    for answer in reads(client, repository, digest) {
        answer.expect(404);
    }
}

#[test]
fn a_blob_is_seen_in_no_repository_that_was_not_given_it() {
    let mut registry = Registry::with().config(RULES).start();
    let ann = registry.user("ann", "a password");
    let bob = registry.user("bob", "a password");
    let digest = ann.push_blob("secret/a", &SECRET.into());
    bob.push_blob("open/b", &"something else".into());

    // Warm from another repository.
    ann.blob("secret/a", &digest).expect(200);
    sees_nothing(&bob, "open/b", &digest);
    for answer in reads(&bob, "secret/a", &digest) {
        answer.expect(403);
    }

    // Asked to be mounted, named in a manifest, pushed with other bytes.
    let mount = format!("/v2/open/b/blobs/uploads/?mount={digest}&from=secret/a");
    let location = bob.post(mount, "").expect(202).location();
    sees_nothing(&bob, "open/b", &digest);
    bob.finish_upload(&location, &digest, "a guess")
        .refused(400, "DIGEST_INVALID");
    let image = Image::new(Format::Oci, "names it");
    image.push_blobs(&bob, "open/b");
    let text = String::from_utf8(image.manifest.bytes.to_vec()).expect("a manifest is text");
    let layer = Digest::of(&image.layers[0]);
    let put = bob.request(Method::PUT, "/v2/open/b/manifests/1");
    let put = put.header("content-type", harness::media_type::OCI_IMAGE);
    put.body(text.replace(layer.as_str(), digest.as_str()))
        .send()
        .expect(201);
    sees_nothing(&bob, "open/b", &digest);

    // Collected around, and after a restart.
    registry.command(&["store", "gc"], "").ok();
    sees_nothing(&bob, "open/b", &digest);
    registry.restart();
    sees_nothing(&bob, "open/b", &digest);

    // Whoever has the bytes may have them here; each repository has its own word on them.
    bob.push_blob("open/b", &SECRET.into());
    ann.delete(format!("/v2/secret/a/blobs/{digest}"))
        .expect(202);
    sees_nothing(&ann, "secret/a", &digest);
    assert_eq!(bob.blob("open/b", &digest).expect(200).body, SECRET);
    registry.command(&["store", "gc"], "").ok();
    sees_nothing(&ann, "secret/a", &digest);
    assert_eq!(bob.blob("open/b", &digest).expect(200).body, SECRET);
    registry.finish().no_uploads();
}

#[test]
fn what_is_counted_for_everyone_names_no_repository() {
    let registry = Registry::with().config(RULES).start();
    let ann = registry.user("ann", "a password");
    let digest = ann.push_blob("secret/a", &SECRET.into());
    ann.blob("secret/a", &digest).expect(200);

    let metrics = registry.client().get("/metrics");
    let metrics = if metrics.status == 200 {
        metrics
    } else {
        registry.admin().get("/metrics")
    };
    let metrics = metrics.expect(200);

    for word in ["secret/a", "ann", digest.as_str()] {
        assert!(
            !metrics.text().contains(word),
            "{word} is among the metrics"
        );
    }
    for path in ["/healthz", "/readyz"] {
        let answer = registry.client().get(path).expect(200);
        assert!(!answer.text().contains("secret"), "{answer}");
    }
    registry.finish();
}
