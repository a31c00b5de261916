//! A store that is full: what cannot be kept is given all the same.

use harness::{Anonymous, Format, Image, Noise, Registry, Upstream};
use http::Method;

use super::section;

const MIB: u64 = 1 << 20;

/// A registry with room for so many bytes.
fn registry(upstream: &Upstream, room: u64) -> Registry {
    let config = format!(
        "[storage]\nmax_size = \"{room}B\"\n{}",
        section(upstream, "")
    );
    Registry::with()
        .config(config)
        .anonymous(Anonymous::Push)
        .start()
}

fn image(seed: u64) -> Image {
    let config = format!("{{\"number\":{seed}}}");
    Image::assemble(
        Format::Oci,
        config.into(),
        vec![Noise::new(seed, MIB).bytes()],
    )
}

fn pull(registry: &Registry, repository: &str, tag: &str, image: &Image) {
    let client = registry.plain();
    let manifest = client.manifest(repository, tag).expect(200);
    assert_eq!(manifest.digest(), image.digest());
    for bytes in image.layers.iter().chain([&image.config]) {
        let digest = harness::Digest::of(bytes);
        let path = format!("/v2/{repository}/blobs/{digest}");
        let download = client.request(Method::GET, path).download();
        download.response.expect(200);
        assert_eq!(download.digest, digest);
    }
}

#[test]
fn what_has_no_room_is_given_all_the_same_and_leaves_nothing() {
    let upstream = Upstream::start();
    let theirs = image(1);
    upstream.put("a/b", "1", &theirs);
    let registry = registry(&upstream, MIB + 20_000);
    let client = registry.plain();
    let ours = image(2);
    ours.push(&client, "mine/a", "1").expect(201);
    for _ in 0..2 {
        pull(&registry, "up.example/a/b", "1", &theirs);
    }
    let layer = harness::Digest::of(&theirs.layers[0]);
    let path = format!("/v2/up.example/a/b/blobs/{layer}");
    let part = client.request(Method::GET, path.clone());
    let part = part.header("range", "bytes=1000-1999").send().expect(206);
    assert_eq!(part.body, theirs.layers[0].slice(1000..2000));
    let size = client.head(path).expect(200);
    assert_eq!(size.must("content-length"), MIB.to_string());
    // What was pushed is still here.
    pull(&registry, "mine/a", "1", &ours);
    let truth = registry.finish().no_uploads();
    assert!(!truth.blobs.contains_key(&layer));
}

#[test]
fn wrong_bytes_that_cannot_be_kept_are_not_given_to_their_end() {
    let upstream = Upstream::start();
    let theirs = image(1);
    upstream.put("a/b", "1", &theirs);
    let registry = registry(&upstream, MIB + 20_000);
    let client = registry.plain();
    image(2).push(&client, "mine/a", "1").expect(201);
    client.manifest("up.example/a/b", "1").expect(200);
    upstream.always(harness::Fault::Flipped(500_000));
    let layer = harness::Digest::of(&theirs.layers[0]);
    let cut = client.request(Method::GET, format!("/v2/up.example/a/b/blobs/{layer}"));
    cut.over(&mut harness::Session::of(&client))
        .expect_err("it is cut off");
    registry.finish().no_uploads();
}
