//! Nothing that an upstream sends takes more memory than is needed for what is asked for.

use harness::{Digest, Fault, Format, Image, Registry, Reply, Session, Upstream};
use http::Method;

use crate::pull_through::registry;

const MIB: u64 = 1024 * 1024;
/// What a hostile answer may take at most, whatever it is.
const MORE: u64 = 32 * MIB;

/// Asks for a manifest and a blob while the upstream does this; neither comes.
#[track_caller]
fn check(faults: Vec<Fault>) {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    upstream.put("a/b", "2", &Image::new(Format::Oci, "y"));
    let named = Image::new(Format::Oci, "z");
    upstream.put("a/b", named.digest().as_str(), &named);
    let mut registry: Registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let before = registry.server().peak();
    upstream.when(move |_| faults.clone());
    let digest = Digest::of(&image.layers[0]);
    for path in [
        "/v2/up.example/a/b/manifests/2".to_owned(),
        format!("/v2/up.example/a/b/manifests/{}", named.digest()),
        format!("/v2/up.example/a/b/blobs/{digest}"),
    ] {
        let request = client.request(Method::GET, &path);
        if let Ok(answer) = request.over(&mut Session::of(&client)) {
            assert_eq!(answer.status, 502, "{answer}");
        }
    }
    let more = registry.server().peak() - before;
    assert!(more < MORE, "{} MiB more", more / MIB);
    upstream.behave();
    let blob = client.blob("up.example/a/b", &digest).expect(200);
    assert_eq!(blob.body, image.layers[0]);
    registry.finish().no_uploads();
}

#[test]
fn a_bomb_is_not_unpacked() {
    let zeros = vec![0; usize::try_from(64 * MIB).expect("it fits into memory")];
    let image = "application/vnd.oci.image.manifest.v1+json";
    let reply = Reply::new(200).header("content-type", image).body(zeros);
    check(vec![Fault::Instead(reply), Fault::Gzip]);
}

#[test]
fn a_body_without_an_end_is_not_read_on() {
    check(vec![Fault::EndlessBody]);
}

#[test]
fn a_header_without_an_end_is_not_read_on() {
    check(vec![Fault::EndlessHeader]);
}
