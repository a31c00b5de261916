//! Two hundred clients ask at once for an image that is not here: it is downloaded once.

use std::time::Instant;

use bytes::Bytes;
use harness::upstream::Subject;
use harness::{Crowd, Digest, Format, Image, Noise, Upstream};
use http::Method;

use super::{MIB, is_long, registry};

const CLIENTS: usize = 200;
const LAYERS: u64 = 4;
/// All layers together, in bytes.
const IMAGE: u64 = 256 * MIB;
/// The same where many tests share the machine.
const IMAGE_IN_SHORT: u64 = 64 * MIB;

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn two_hundred_clients_at_once_cost_one_download() {
    let size = if is_long() { IMAGE } else { IMAGE_IN_SHORT };
    let upstream = Upstream::start();
    let layers = (1..=LAYERS).map(|seed| Noise::new(seed, size / LAYERS).bytes());
    let config = Bytes::from_static(b"{}");
    let image = Image::assemble(Format::Oci, config, layers.collect());
    upstream.put("a/b", "1", &image);
    let mut registry = registry(&upstream, "");
    let client = registry.plain();
    let mut crowd = Crowd::gather(&client, CLIENTS);

    let begun = Instant::now();
    crowd.ask(200, &image.manifest.bytes, |_| {
        client.request(Method::GET, "/v2/up.example/a/b/manifests/1")
    });
    for blob in image.layers.iter().chain([&image.config]) {
        let path = format!("/v2/up.example/a/b/blobs/{}", Digest::of(blob));
        crowd.ask(200, blob, |_| client.request(Method::GET, &path));
    }

    let whole = size + (image.config.len() + image.manifest.bytes.len()) as u64;
    let sent = upstream.sent();
    println!(
        "{CLIENTS} clients, an image of {} MiB: {sent} bytes from the upstream, which has {whole}, \
         in {:.1?}, at most {} MiB resident",
        size / MIB,
        begun.elapsed(),
        registry.server().peak() / MIB
    );
    assert!(
        sent >= whole && sent <= whole * 101 / 100,
        "{sent} of {whole}"
    );
    let reads = |wanted: &str| {
        upstream.count(|asked| {
            let is_it = asked.subject() == Subject::Manifest("a/b", wanted);
            is_it && asked.method == Method::GET
        })
    };
    assert_eq!(reads("1") + reads(image.digest().as_str()), 1);
    registry.stop();
}
