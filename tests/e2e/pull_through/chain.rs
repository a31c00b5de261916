//! One Roadstead behind another: tokens, HTTP/2, ranges and referrers, as the upstream itself has them.

use harness::{Anonymous, Client, Digest, Format, Image, Noise, Registry, Scratch, index_of};
use http::Method;
use serde_json::json;

/// A registry that wants a login, and one before it.
struct Chain {
    source: Registry,
    /// Who may push to the source.
    pusher: Client,
    mirror: Registry,
    _files: Scratch,
}

impl Chain {
    fn new() -> Self {
        let source = Registry::with().anonymous(Anonymous::None).start();
        let pusher = source.user("puller", "a long password");
        let files = Scratch::new();
        let ca = files.file("ca.crt", source.ca());
        let login = json!({ "username": "puller", "password": "a long password" });
        let auth = json!({ "auths": { source.host(): login } });
        let auth = files.file("auth.json", auth.to_string());
        let config = format!(
            "[[upstream]]\nname = \"source.example\"\nurls = [\"https://{}\"]\n\
             ca_file = \"{}\"\nauth_file = \"{}\"\n\
             pull_through = true\nanonymous_fill = true\ntag_max_age = \"1ms\"\n",
            source.host(),
            ca.display(),
            auth.display()
        );
        let mirror = Registry::with()
            .config(config)
            .anonymous(Anonymous::Pull)
            .start();
        Self {
            source,
            pusher,
            mirror,
            _files: files,
        }
    }
}

#[test]
fn an_image_comes_with_what_refers_to_it_and_stays_when_its_source_is_gone() {
    let mut chain = Chain::new();
    let image = Image::new(Format::Oci, "signed");
    image.push(&chain.pusher, "a/b", image.digest().as_str());
    let list = index_of(Format::Oci, &[(&image.manifest, ("linux", "amd64"))]);
    list.put(&chain.pusher, "a/b", "1").expect(201);
    let signature = Image::referrer(&list, "application/vnd.example.signature", "good");
    signature.push(&chain.pusher, "a/b", signature.digest().as_str());
    let client = chain.mirror.client();
    let name = "source.example/a/b";
    let pull = || {
        assert_eq!(client.manifest(name, "1").expect(200).body, list.bytes);
        for image in [&image, &signature] {
            let digest = image.digest();
            let manifest = client.manifest(name, digest.as_str()).expect(200);
            assert_eq!(manifest.body, image.manifest.bytes);
            for blob in image.layers.iter().chain([&image.config]) {
                assert_eq!(client.blob(name, &Digest::of(blob)).expect(200).body, blob);
            }
        }
        let referrers = client.referrers(name, &list.digest());
        let [referrer] = &*referrers else {
            panic!("one manifest refers to the list, and not {referrers:?}");
        };
        assert_eq!(referrer["digest"], signature.digest().as_str());
        assert_eq!(client.tags(name), ["1"]);
    };
    pull();
    chain.source.stop();
    pull();
    chain.mirror.finish().no_uploads();
}

#[test]
fn a_tag_that_moves_at_the_source_moves_here() {
    let chain = Chain::new();
    let client = chain.mirror.client();
    for text in ["first", "second", "third"] {
        let image = Image::new(Format::Oci, text);
        image.push(&chain.pusher, "a/b", "latest").expect(201);
        let path = "/v2/source.example/a/b/manifests/latest";
        for method in [Method::HEAD, Method::GET] {
            let answer = client.request(method, path).send().expect(200);
            assert_eq!(answer.digest(), image.digest(), "{text}");
            assert_eq!(answer.header("warning"), None);
        }
    }
    chain.mirror.finish().no_uploads();
    chain.source.finish().no_uploads();
}

#[test]
fn a_source_that_is_killed_in_the_midst_is_asked_for_the_rest_when_it_is_back() {
    let mut chain = Chain::new();
    let noise = Noise::new(1, 64 << 20);
    let image = Image::assemble(Format::Oci, "{}".into(), vec![noise.bytes()]);
    image.push(&chain.pusher, "a/b", "1").expect(201);
    let digest = Digest::of(&image.layers[0]);
    let client = chain.mirror.plain();
    client.manifest("source.example/a/b", "1").expect(200);
    let mut reading = client.connect();
    let path = format!("/v2/source.example/a/b/blobs/{digest}");
    reading.send(format!(
        "GET {path} HTTP/1.1\r\n{}\r\n",
        client.raw_headers()
    ));
    let head = reading.head();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let begin = reading.exactly(100_000);
    assert!(image.layers[0].starts_with(&begin));
    chain.source.kill();
    chain.source.start_again();
    for expected in image.layers[0][begin.len()..].chunks(1 << 20) {
        assert!(reading.exactly(expected.len()) == expected, "other bytes");
    }
    chain.mirror.finish().no_uploads();
}
