//! Digests that are none, wherever a digest may stand (CVE-2024-3727: one became a path).

use harness::{Client, Digest, Format, Image, Registry, Response};
use http::Method;

use crate::nothing::registry_is_empty;

/// Texts that are no digests, as they stand in a URL.
fn malformed_digests() -> Vec<String> {
    let hex = Digest::of(b"").as_str()[7..].to_owned();
    vec![
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}", &hex[..32]),
        format!("sha512:{hex}"),
        format!("sha384:{hex}{}", &hex[..32]),
        format!("md5:{}", &hex[..32]),
        format!("sha256+b64:{hex}"),
        "sha256:".to_owned(),
        "sha256:..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        format!("sha256:..%2f{}", &hex[3..]),
        format!("sha256:%00{}", &hex[1..]),
        format!("sha256:{}%00", &hex[1..]),
        format!("sha256:%D9%A0{}", &hex[1..]),
        format!("sha256:%EF%BC%90{}", &hex[1..]),
        format!("sha256:%20{hex}"),
        format!("%20sha256:{hex}"),
        format!("sha256%EF%BC%9A{hex}"),
    ]
}

/// One request for each place where a digest may stand.
fn requests(client: &Client, digest: &str) -> Vec<Response> {
    let ask =
        |method: Method, rest: String| client.request(method, format!("/v2/a/b/{rest}")).send();
    let upload = "blobs/uploads/b7a2f7f0-0000-4000-8000-000000000000";
    let real = Digest::of(b"");
    vec![
        ask(Method::GET, format!("blobs/{digest}")),
        ask(Method::HEAD, format!("blobs/{digest}")),
        ask(Method::DELETE, format!("blobs/{digest}")),
        ask(Method::GET, format!("manifests/{digest}")),
        ask(Method::PUT, format!("manifests/{digest}")),
        ask(Method::DELETE, format!("manifests/{digest}")),
        ask(Method::GET, format!("referrers/{digest}")),
        ask(Method::GET, format!("referrers/{real}?last={digest}")),
        ask(Method::POST, format!("blobs/uploads/?digest={digest}")),
        ask(
            Method::POST,
            format!("blobs/uploads/?mount={digest}&from=c"),
        ),
        ask(Method::PUT, format!("{upload}?digest={digest}")),
    ]
}

#[test]
fn what_is_no_digest_is_refused_wherever_one_may_stand() {
    let registry = Registry::open();
    let client = registry.plain();

    for digest in malformed_digests() {
        for answer in requests(&client, &digest) {
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
            assert!(answer.header("location").is_none(), "{answer}");
        }
    }
    registry_is_empty(registry);
}

#[test]
fn what_is_no_digest_is_refused_inside_a_manifest() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "content");
    let text = String::from_utf8(image.manifest.bytes.to_vec()).expect("a manifest is text");
    let layer = Digest::of(&image.layers[0]);

    for digest in malformed_digests() {
        // As the text it stands for, and escaped as JSON may be.
        let plain = digest
            .replace("%2f", "/")
            .replace("%20", " ")
            .replace("%00", "\\u0000");
        let forged = text.replace(layer.as_str(), &plain);
        let put = client.request(Method::PUT, "/v2/a/b/manifests/1");
        let put = put.header("content-type", harness::media_type::OCI_IMAGE);
        put.body(forged).send().refused(400, "MANIFEST_INVALID");
    }
    registry_is_empty(registry);
}

#[test]
fn a_validator_that_is_no_digest_holds_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());

    for tag in malformed_digests() {
        let get = client.request(Method::GET, format!("/v2/a/b/blobs/{digest}"));
        let answer = get.header("if-none-match", format!("\"{tag}\"")).send();
        assert_eq!(answer.expect(200).body, "bytes");
    }
    registry.finish();
}
