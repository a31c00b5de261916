//! A registry that is killed in the midst of a fetch goes on where it was.

use std::time::Duration;

use harness::{Fault, Format, Image, Manifest, Noise, Upstream, eventually, media_type};
use http::Method;
use serde_json::json;

use super::{MIB, ask, begins, is_long, registry};

/// How large the blob is, in bytes.
const SIZE: u64 = 1024 * MIB;
/// The same where there is no time.
const SIZE_IN_SHORT: u64 = 256 * MIB;
/// What may be lost on its way, in sockets and before it is written, in bytes.
const ON_ITS_WAY: u64 = 16 * MIB;

/// A manifest with this blob as its one layer, which is too large to be held.
fn manifest(upstream: &Upstream, noise: &Noise) -> Manifest {
    let image = Image::new(Format::Oci, "for its configuration");
    upstream.put_blob("a/b", &image.config);
    let layer = json!([{
        "mediaType": media_type::OCI_LAYER,
        "digest": upstream.put_blob("a/b", noise.clone()).as_str(),
        "size": noise.len(),
    }]);
    image.manifest.with("layers", layer)
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it saw")]
fn after_a_kill_only_the_rest_is_fetched() {
    let upstream = Upstream::start();
    let size = if is_long() { SIZE } else { SIZE_IN_SHORT };
    let noise = Noise::new(1, size);
    let digest = noise.digest();
    upstream.put_manifest("a/b", "1", &manifest(&upstream, &noise));
    let mut registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let before = upstream.sent();
    // So slow that the kill comes in time.
    upstream.always(Fault::Drip(64 * 1024, Duration::from_micros(200)));
    let path = format!("/v2/up.example/a/b/blobs/{digest}");
    let data = format!("fetches/sha256/{}/data", digest.hex());
    let data = registry.data().join(data);

    // Whoever asked for it need not read it.
    let mut waiting = ask(&client, &path);
    begins(&mut waiting, size);
    eventually("half of it has come", || {
        data.metadata().is_ok_and(|data| data.len() > size / 2)
    });
    registry.kill();
    let kept = data.metadata().expect("it is kept").len();
    upstream.behave();
    registry.start_again();
    let download = registry.plain().request(Method::GET, &path).download();
    download.response.expect(200);
    assert_eq!(download.digest, digest);

    let asked = upstream.asked().into_iter();
    let again = asked.filter(|asked| asked.path().ends_with(digest.as_str()));
    let again = again.last().expect("it was asked again");
    let range = format!("bytes={kept}-");
    assert_eq!(
        (again.header("range"), again.sent),
        (Some(&*range), size - kept)
    );
    let sent = upstream.sent() - before;
    println!(
        "killed after {kept} of {size} bytes: {} fetched after that, {} twice",
        again.sent,
        sent - size
    );
    assert!(sent - size <= ON_ITS_WAY, "{} twice", sent - size);
    registry.stop();
}
