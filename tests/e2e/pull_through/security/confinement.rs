//! Nothing that an upstream or a client says makes the registry ask whom nobody configured.

use std::time::{Duration, Instant};

use harness::upstream::Ca;
use harness::{Digest, Fault, Format, Image, Scratch, Upstream, media_type};
use serde_json::json;

use crate::pull_through::registry;

#[test]
fn a_redirect_leads_into_no_private_network() {
    let (upstream, trap) = (Upstream::start(), Upstream::start());
    let port = trap.address().port();
    let registry = registry(&upstream, "");
    let client = registry.plain();
    for place in [
        format!("http://127.0.0.1:{port}/v2/"),
        format!("http://localhost:{port}/v2/"),
        format!("http://LOCALHOST.:{port}/v2/"),
        format!("http://0.0.0.0:{port}/v2/"),
        format!("http://2130706433:{port}/v2/"),
        format!("http://[::ffff:127.0.0.1]:{port}/v2/"),
        format!("//127.0.0.1:{port}/v2/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://192.168.0.1/".to_owned(),
        "http://100.64.0.1/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ] {
        upstream.always(Fault::redirect(place.clone()));
        let begun = Instant::now();
        client.manifest("up.example/a/b", "1").expect(502);
        client.blob("up.example/a/b", &Digest::of(b"x")).expect(502);
        // Refused, and not tried in vain.
        assert!(begun.elapsed() < Duration::from_secs(5), "{place}");
    }
    assert_eq!(trap.connections(), 0);
    registry.finish().no_uploads();
}

#[test]
fn encryption_is_not_given_up_on_the_way() {
    let (ca, scratch, trap) = (Ca::new(), Scratch::new(), Upstream::start());
    let upstream = Upstream::with().tls(ca.issue(&["127.0.0.1"])).start();
    upstream.always(Fault::redirect(format!("{}/v2/", trap.url())));
    let ca = scratch.file("ca.crt", ca.pem());
    let more = format!(
        "ca_file = \"{}\"\nredirect_hosts = [\"127.0.0.1\"]",
        ca.display()
    );
    let registry = registry(&upstream, &more);
    registry.plain().manifest("up.example/a/b", "1").expect(502);
    assert!(!upstream.asked().is_empty());
    assert_eq!(trap.connections(), 0);
    registry.finish().no_uploads();
}

#[test]
fn clients_cannot_have_anybody_asked_whom_nobody_configured() {
    let (upstream, trap) = (Upstream::start(), Upstream::start());
    trap.put("a/b", "1", &Image::new(Format::Oci, "x"));
    let registry = registry(&upstream, "");
    let client = registry.plain();
    let (host, port) = (trap.address().to_string(), trap.address().port());
    for namespace in [
        host.clone(),
        "127.0.0.1".to_owned(),
        format!("localhost:{port}"),
        format!("http://{host}"),
        format!("up.example@{host}"),
        format!("up.example%2f..%2f{host}"),
        format!("up.example%00{host}"),
        format!("up.example&ns={host}"),
    ] {
        let path = format!("/v2/a/b/manifests/1?ns={namespace}");
        let answer = client.get(&path);
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
    }
    let answer = client.get("/v2/trap.example/a/b/manifests/1");
    answer.expect(404);
    // As one asks a proxy.
    let whole = format!(
        "GET http://{host}/v2/a/b/manifests/1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    let answer = client.raw(whole);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let tunnel = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = client.raw(tunnel);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(trap.connections(), 0);
    registry.finish().no_uploads();
}

#[test]
fn a_layer_that_lies_elsewhere_is_not_fetched_from_there() {
    let (upstream, elsewhere) = (Upstream::start(), Upstream::start());
    let image = Image::new(Format::Docker, "with a layer of somebody else");
    let layer = &image.layers[0];
    let digest = elsewhere.put_blob("a/b", layer);
    let url = format!("{}/v2/a/b/blobs/{digest}", elsewhere.url());
    let foreign = json!([{
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": digest.as_str(),
        "size": layer.len(),
        "urls": [url],
    }]);
    let manifest = image.manifest.with("layers", foreign);
    assert_eq!(manifest.media_type, media_type::DOCKER_IMAGE);
    upstream.put_blob("a/b", &image.config);
    upstream.put_manifest("a/b", "1", &manifest);
    let registry = registry(&upstream, "redirect_hosts = [\"127.0.0.1\"]");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    client.blob("up.example/a/b", &digest).expect(404);
    assert_eq!(elsewhere.connections(), 0);
    registry.finish().no_uploads();
}
