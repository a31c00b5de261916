//! One range of a blob (RFC 9110, section 14).

use harness::{Client, Noise, Registry, Response};
use http::Method;

fn part(client: &Client, path: &str, range: &str) -> Response {
    client
        .request(Method::GET, path)
        .header("range", range)
        .send()
}

#[test]
fn a_range_selects_these_bytes_and_is_cut_at_the_end() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 100_000).bytes();
    let digest = client.push_blob("a/b", &bytes);
    let path = format!("/v2/a/b/blobs/{digest}");
    let check = |range: &str, first: usize, last: usize| {
        let answer = part(&client, &path, range)
            .expect(206)
            .has("content-range", &format!("bytes {first}-{last}/100000"))
            .has("content-length", &(last - first + 1).to_string())
            .has("docker-content-digest", digest.as_str())
            .has("accept-ranges", "bytes");
        assert_eq!(answer.body, bytes.slice(first..=last), "{range}");
    };

    check("bytes=0-0", 0, 0);
    check("bytes=0-", 0, 99_999);
    check("bytes=600-", 600, 99_999);
    check("bytes=10-19", 10, 19);
    check("bytes=99999-", 99_999, 99_999);
    check("bytes=0-99999", 0, 99_999);
    check("bytes=50000-100000", 50_000, 99_999);
    check("bytes=1-99999999999999999999999", 1, 99_999);
    check("bytes=-1", 99_999, 99_999);
    check("bytes=-100000", 0, 99_999);
    check("bytes=-200000", 0, 99_999);
    registry.finish();
}

#[test]
fn a_range_in_a_large_blob_is_found_wherever_it_lies() {
    let registry = Registry::open();
    let client = registry.plain();
    let noise = Noise::new(7, 9 * 1024 * 1024 + 5);
    let digest = client.push_noise("a/b", &noise);
    let path = format!("/v2/a/b/blobs/{digest}");
    let bytes = noise.bytes();

    for (first, last) in [(0, 5_000_000), (262_143, 262_144), (1_048_575, 3_145_729)] {
        let answer = part(&client, &path, &format!("bytes={first}-{last}")).expect(206);
        assert_eq!(answer.body, bytes.slice(first..=last));
    }
    registry.finish();
}

#[test]
fn a_range_of_nothing_is_refused_with_the_length() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"0123456789".into());
    let path = format!("/v2/a/b/blobs/{digest}");

    for range in [
        "bytes=10-",
        "bytes=10-20",
        "bytes=500-0",
        "bytes=5-4",
        "bytes=-0",
        "bytes=99999999999999999999999-",
    ] {
        part(&client, &path, range)
            .expect(416)
            .has("content-range", "bytes */10");
    }
    registry.finish();
}

#[test]
fn an_empty_blob_is_served_whole_and_has_no_ranges() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"".into());
    let path = format!("/v2/a/b/blobs/{digest}");

    assert_eq!(
        client
            .get(&path)
            .expect(200)
            .has("content-length", "0")
            .body,
        ""
    );
    client.head(&path).expect(200).has("content-length", "0");
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        part(&client, &path, range)
            .expect(416)
            .has("content-range", "bytes */0");
    }
    registry.finish();
}

#[test]
fn what_is_no_range_of_bytes_is_ignored() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"0123456789".into());
    let path = format!("/v2/a/b/blobs/{digest}");

    for range in [
        "lines=0-1",
        "bytes",
        "bytes=",
        "bytes=x-y",
        "bytes=1",
        "0-1",
        "bytes=--1",
    ] {
        let answer = part(&client, &path, range)
            .expect(200)
            .lacks("content-range");
        assert_eq!(answer.body, "0123456789", "{range}");
    }
    registry.finish();
}

#[test]
fn a_head_ignores_ranges() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"0123456789".into());

    for range in ["bytes=0-1", "bytes=50-"] {
        client
            .request(Method::HEAD, format!("/v2/a/b/blobs/{digest}"))
            .header("range", range)
            .send()
            .expect(200)
            .has("content-length", "10")
            .lacks("content-range");
    }
    registry.finish();
}

#[test]
fn a_range_is_served_only_of_the_content_the_client_means() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"0123456789".into());
    let ask = |condition: &str| {
        client
            .request(Method::GET, format!("/v2/a/b/blobs/{digest}"))
            .header("range", "bytes=2-3")
            .header("if-range", condition)
            .send()
    };

    assert_eq!(ask(&format!("\"{digest}\"")).expect(206).body, "23");
    for other in ["\"other\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        assert_eq!(ask(other).expect(200).body, "0123456789");
    }
    // `If-Range` compares strongly (RFC 9110, section 13.1.5).
    assert_eq!(
        ask(&format!("W/\"{digest}\"")).expect(200).body,
        "0123456789"
    );
    registry.finish();
}

/// containerd probes everything with `bytes=0-` and goes on with one stream when the answer is 200.
#[test]
fn a_manifest_is_served_whole_even_when_a_range_is_asked_for() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = harness::Image::new(harness::Format::Oci, "ranges");
    image.push(&client, "a/b", "1");

    let answer = part(&client, "/v2/a/b/manifests/1", "bytes=0-").expect(200);

    assert_eq!(answer.lacks("content-range").body, image.manifest.bytes);
    registry.finish();
}
