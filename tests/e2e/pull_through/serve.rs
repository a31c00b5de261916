//! What is served, under which names, and what it costs the upstream.

use std::thread;

use harness::{At, Fault, Format, Gate, Image, Noise, Session, Upstream, eventually, index_of};
use http::Method;

use super::registry;

#[test]
fn an_image_is_served_while_it_comes_and_is_here_afterwards() {
    let mut upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    let manifest = client.manifest("up.example/a/b", "1").expect(200);
    assert_eq!(manifest.digest(), image.digest());
    assert_eq!(manifest.body, image.manifest.bytes);
    for bytes in image.layers.iter().chain([&image.config]) {
        let digest = harness::Digest::of(bytes);
        let blob = client.blob("up.example/a/b", &digest).expect(200);
        assert_eq!(blob.body, bytes);
    }
    upstream.stop();
    client.manifest("up.example/a/b", "1").expect(200);
    client
        .manifest("up.example/a/b", image.digest().as_str())
        .expect(200);
    for bytes in image.layers.iter().chain([&image.config]) {
        let digest = harness::Digest::of(bytes);
        client.blob("up.example/a/b", &digest).expect(200);
    }
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.blobs.len(), 2 + image.layers.len());
}

#[test]
fn many_clients_at_once_cost_one_download() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, 8 << 20);
    let image = Image::assemble(Format::Oci, "{}".into(), vec![layer.bytes()]);
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    let digest = layer.digest();
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                client.manifest("up.example/a/b", "1").expect(200);
                let path = format!("/v2/up.example/a/b/blobs/{digest}");
                let download = client.request(Method::GET, path).download();
                download.response.expect(200);
                assert_eq!(download.digest, digest);
            });
        }
    });
    let size = layer.len() + image.manifest.bytes.len() as u64;
    assert!(upstream.sent() <= size * 101 / 100, "{}", upstream.sent());
    registry.finish().no_uploads();
}

#[test]
fn a_part_is_served_as_soon_as_it_has_come() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, 4 << 20);
    let bytes = layer.bytes();
    let image = Image::assemble(Format::Oci, "{}".into(), vec![bytes.clone()]);
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let gate = Gate::new();
    upstream.always(Fault::Hold(At::Byte(3 << 20), gate.clone()));
    let digest = layer.digest();
    let part = |range: &str| {
        let path = format!("/v2/up.example/a/b/blobs/{digest}");
        let request = client.request(Method::GET, path);
        request.header("range", range).send().expect(206)
    };
    assert_eq!(part("bytes=1000-1999").body, bytes.slice(1000..2000));
    let both = part("bytes=0-9,2000000-2000009").body;
    let second = &bytes[2_000_000..2_000_010];
    assert!(both.windows(10).any(|window| window == second));
    gate.open();
    assert_eq!(part("bytes=-10").body, bytes.slice(bytes.len() - 10..));
    registry.finish().no_uploads();
}

#[test]
fn a_namespace_finds_the_same_content() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "hosts = [\"alias.example\"]");
    let client = registry.plain();
    for namespace in ["up.example", "alias.example"] {
        let path = format!("/v2/a/b/manifests/1?ns={namespace}");
        let answer = client.get(path).expect(200);
        assert_eq!(answer.digest(), image.digest());
    }
    client.manifest("up.example/a/b", "1").expect(200);
    assert_eq!(upstream.wanted().len(), 1);
    // One that nobody configured is no reason to ask anybody.
    client
        .get("/v2/a/b/manifests/1?ns=elsewhere.example")
        .expect(404);
    client.get("/v2/a/b/manifests/1?ns=127.0.0.1").expect(404);
    client.get("/v2/a/b/manifests/1").expect(404);
    assert_eq!(upstream.wanted().len(), 1);
    registry.finish().no_uploads();
}

#[test]
fn an_unknown_namespace_hides_nothing_that_is_here() {
    let registry = harness::Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "x");
    image.push(&client, "a/b", "1").expect(201);
    image.push(&client, "quay.io/c/d", "1").expect(201);
    client.get("/v2/a/b/manifests/1?ns=quay.io").expect(200);
    client.get("/v2/c/d/manifests/1?ns=quay.io").expect(200);
    client.get("/v2/c/d/manifests/1").expect(404);
    registry.finish().no_uploads();
}

#[test]
fn docker_hubs_short_names_are_the_library() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("library/nginx", "1", &image);
    let config = super::section(&upstream, "").replace("up.example", "docker.io");
    let registry = harness::Registry::with().config(config).start();
    let client = registry.plain();
    client.manifest("docker.io/nginx", "1").expect(200);
    client.manifest("docker.io/library/nginx", "1").expect(200);
    client
        .get("/v2/library/nginx/manifests/1?ns=docker.io")
        .expect(200);
    assert_eq!(upstream.wanted().len(), 1);
    registry.finish().no_uploads();
}

#[test]
fn a_list_and_its_children_come_one_by_one() {
    let upstream = Upstream::start();
    let (amd, arm) = (
        Image::new(Format::Oci, "amd"),
        Image::new(Format::Oci, "arm"),
    );
    let index = index_of(
        Format::Oci,
        &[
            (&amd.manifest, ("linux", "amd64")),
            (&arm.manifest, ("linux", "arm64")),
        ],
    );
    upstream.put("a/b", amd.digest().as_str(), &amd);
    upstream.put("a/b", arm.digest().as_str(), &arm);
    upstream.put_manifest("a/b", "1", &index);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    assert_eq!(
        client.manifest("up.example/a/b", "1").expect(200).digest(),
        index.digest()
    );
    client
        .manifest("up.example/a/b", amd.digest().as_str())
        .expect(200);
    // What nobody asked for was not fetched.
    let arm = arm.digest();
    assert_eq!(
        upstream.count(|asked| asked.path().ends_with(arm.as_str())),
        0
    );
    registry.finish().no_uploads();
}

#[test]
fn a_kill_in_the_midst_costs_only_what_was_on_its_way() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, 32 << 20);
    let image = Image::assemble(Format::Oci, "{}".into(), vec![layer.bytes()]);
    upstream.put("a/b", "1", &image);
    let mut registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let gate = Gate::new();
    upstream.always(Fault::Hold(At::Byte(24 << 20), gate.clone()));
    let digest = layer.digest();
    let path = format!("/v2/up.example/a/b/blobs/{digest}");
    let data = registry
        .data()
        .join("fetches/sha256")
        .join(digest.hex())
        .join("data");
    thread::scope(|scope| {
        scope.spawn(|| {
            let cut = client.request(Method::GET, path.clone());
            cut.over(&mut Session::of(&client))
                .expect_err("it is cut off");
        });
        eventually("three quarters have come", || {
            data.metadata().is_ok_and(|data| data.len() == 24 << 20)
        });
        registry.kill();
    });
    upstream.behave();
    gate.open();
    registry.start_again();
    let client = registry.plain();
    let download = client.request(Method::GET, path).download();
    download.response.expect(200);
    assert_eq!(download.digest, digest);
    let again = upstream.wanted().pop().expect("it was asked again");
    assert_eq!(
        (again.header("range"), again.sent),
        (Some("bytes=25165824-"), 8 << 20)
    );
    registry.finish().no_uploads();
}
