//! An upstream that does not answer, or not as it should.

use std::time::Instant;

use harness::{At, Fault, Format, Image, Noise, Session, Upstream};
use http::Method;

use super::{registry, soon};

#[test]
fn what_is_held_is_served_and_says_how_old_it_is() {
    let mut upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "tag_max_age = \"1ms\"");
    let client = registry.plain();
    client
        .manifest("up.example/a/b", "1")
        .expect(200)
        .lacks("warning");
    upstream.stop();
    for method in [Method::GET, Method::HEAD] {
        let begun = Instant::now();
        let answer = client
            .request(method, "/v2/up.example/a/b/manifests/1")
            .send()
            .expect(200);
        assert!(begun.elapsed() < soon(), "{:?}", begun.elapsed());
        let warning = answer.must("warning").to_owned();
        assert!(warning.starts_with("299 - \"stale: "), "{warning}");
        assert!(warning.contains("last confirmed 20"), "{warning}");
    }
    registry.finish().no_uploads();
}

#[test]
fn what_is_not_held_is_a_gateways_failure_and_not_an_absence() {
    let upstream = Upstream::start();
    let registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(404);
    upstream.always(Fault::status(503));
    client.manifest("up.example/a/b", "1").expect(502);
    upstream.always(Fault::status(401));
    client.manifest("up.example/a/b", "1").expect(502);
    upstream.always(Fault::Reset(At::Start));
    client.manifest("up.example/a/b", "1").expect(502);
    let blob = Noise::new(1, 10).digest();
    client.blob("up.example/a/b", &blob).expect(502);
    let answer = client.manifest("up.example/a/b", "1").expect(502);
    let text = String::from_utf8_lossy(&answer.body);
    assert!(!text.contains("127.0.0.1"), "{text}");
    registry.finish().no_uploads();
}

#[test]
fn wrong_bytes_are_never_served_to_their_end() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, 1 << 20);
    let image = Image::assemble(Format::Oci, "{}".into(), vec![layer.bytes()]);
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    upstream.always(Fault::Flipped(500_000));
    let path = format!("/v2/up.example/a/b/blobs/{}", layer.digest());
    let cut = client.request(Method::GET, path.clone());
    cut.over(&mut Session::of(&client))
        .expect_err("it is cut off");
    upstream.behave();
    let download = client.request(Method::GET, path).download();
    assert_eq!(download.digest, layer.digest());
    registry.finish().no_uploads();
}
