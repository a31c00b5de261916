//! Registries that only a command line names: as the system and the environment say, and no other way.

use harness::upstream::Ca;
use harness::{Format, Image, Proxy, Registry, Scratch, Upstream};

use super::{document, tag};

/// A name that no name service knows.
const NAME: &str = "registry.example";

#[test]
fn a_registry_that_nothing_is_configured_of_is_reached_by_what_the_system_trusts() {
    let (ca, scratch, proxy) = (Ca::new(), Scratch::new(), Proxy::start());
    let upstream = Upstream::with().tls(ca.issue(&[NAME])).start();
    proxy.lead(&format!("{NAME}:443"), upstream.address());
    let image = Image::new(Format::Oci, "x");
    upstream.put("team/app", "1", &image);
    upstream.put("team/app", "2", &image);
    let trusted = scratch.file("ca.crt", ca.pem());
    let mut registry = Registry::with()
        .env("SSL_CERT_FILE", trusted.to_str().expect("a path of text"))
        .env("HTTPS_PROXY", format!("http://{}", proxy.host()))
        .start();
    let copy = |registry: &Registry, name: &str| {
        let source = format!("{NAME}/team/app:{name}");
        document(registry, &["image", &source], 0)
    };
    copy(&registry, "1");
    registry.stop();
    copy(&registry, "2");
    registry.start_again();
    let (client, repository) = (registry.admin(), format!("{NAME}/team/app"));
    for name in ["1", "2"] {
        assert_eq!(tag(&client, &repository, name), Some(image.digest()));
    }
    registry.finish().no_uploads();
}

#[test]
fn a_registry_that_the_system_does_not_trust_is_not_copied_from() {
    let upstream = Upstream::with()
        .tls(Ca::new().issue(&["127.0.0.1"]))
        .start();
    upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    let registry = Registry::start();
    let source = format!("{}/a:1", upstream.address());
    let report = document(&registry, &["image", &source], 1);
    let because = report["images"][0]["because"].as_str().expect("a reason");
    assert!(because.contains("certificate"), "{because}");
    let told = registry.command(&["mirror", "image", &source], "").fails(1);
    assert!(told.contains("hint: `ca_file`"), "{told}");
    assert_eq!(upstream.asked().len(), 0);
    registry.finish().no_uploads();
}
