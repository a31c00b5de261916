//! An upstream that is reached through a proxy: by its own setting, by the environment's, or not.

use harness::{Digest, Format, Image, Proxy, Registry, Upstream};

use super::section;
use super::town::{NAME, PASSWORD, Town, USER};

/// Pulls the image that the upstream has, all of it.
#[track_caller]
fn pull(registry: &Registry, image: &Image) {
    let client = registry.plain();
    let manifest = client.manifest("up.example/a/b", "1").expect(200);
    assert_eq!(manifest.body, image.manifest.bytes);
    for blob in image.layers.iter().chain([&image.config]) {
        let answer = client.blob("up.example/a/b", &Digest::of(blob)).expect(200);
        assert_eq!(answer.body, blob);
    }
}

#[test]
fn an_upstream_behind_a_proxy_with_a_login_is_pulled_through() {
    let proxy = Proxy::start_with_login("bob", "Passw0rd");
    let town = Town::behind(proxy, Upstream::with().basic(USER, PASSWORD));
    let line = format!("proxy = \"http://bob:Passw0rd@{}\"", town.proxy.host());
    let registry = town.registry(&line);
    pull(&registry, &town.image);
    let tunnels = town.proxy.asked();
    assert!(!tunnels.is_empty());
    for tunnel in tunnels {
        assert_eq!(tunnel.target, format!("{NAME}:443"));
        assert_eq!(tunnel.header("authorization"), None);
    }
    // The login of the proxy is not the upstream's, nor anybody's who reads the log.
    let seen = |asked: &harness::upstream::Asked| asked.header("proxy-authorization").is_some();
    assert_eq!(town.upstream.count(seen), 0);
    assert!(!registry.log().contains("Passw0rd"));
    registry.finish().no_uploads();
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let town = Town::new(Upstream::with().basic(USER, PASSWORD));
        let url = format!("http://{}", town.proxy.host());
        let registry = town.setup("").env(variable, url).start();
        pull(&registry, &town.image);
        assert!(!town.proxy.asked().is_empty(), "{variable}");
        registry.finish().no_uploads();
    }
}

#[test]
fn an_upstream_without_encryption_is_asked_for_by_its_whole_url() {
    let (proxy, upstream) = (Proxy::start(), Upstream::start());
    let image = Image::new(Format::Oci, "in the open");
    upstream.put("a/b", "1", &image);
    proxy.lead(&format!("{NAME}:80"), upstream.address());
    let config = section(&upstream, "");
    let config = config.replace(&upstream.url(), &format!("http://{NAME}"));
    let registry = Registry::with()
        .config(config)
        .env("HTTP_PROXY", format!("http://{}", proxy.host()))
        .start();
    pull(&registry, &image);
    let begins = format!("http://{NAME}/v2/");
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|asked| asked.target.starts_with(&begins)));
    registry.finish().no_uploads();
}

#[test]
fn the_proxy_of_an_upstream_wins_over_the_environments() {
    let town = Town::new(Upstream::with().basic(USER, PASSWORD));
    let other = Proxy::start();
    let setup = town.setup(&town.proxied());
    let setup = setup.env("HTTPS_PROXY", format!("http://{}", other.host()));
    let registry = setup.start();
    pull(&registry, &town.image);
    assert!(other.asked().is_empty());
    registry.finish().no_uploads();
}

#[test]
fn what_no_proxy_names_is_not_asked_for_through_one() {
    for no_proxy in [NAME, ".example.com", "*.example.com", "*"] {
        let town = Town::new(Upstream::with().basic(USER, PASSWORD));
        let url = format!("http://{}", town.proxy.host());
        for setup in [
            town.setup("").env("HTTPS_PROXY", &url),
            town.setup(&town.proxied()),
        ] {
            let registry = setup.env("NO_PROXY", no_proxy).start();
            // Nobody but the proxy knows where this name leads.
            registry.plain().manifest("up.example/a/b", "1").expect(502);
            assert!(town.proxy.asked().is_empty(), "{no_proxy}");
            registry.finish().no_uploads();
        }
    }
}

#[test]
fn an_upstream_on_this_machine_is_asked_directly() {
    let (proxy, upstream) = (Proxy::start(), Upstream::start());
    let image = Image::new(Format::Oci, "next door");
    upstream.put("a/b", "1", &image);
    let registry = Registry::with()
        .config(section(&upstream, ""))
        .env("HTTP_PROXY", format!("http://{}", proxy.host()))
        .start();
    pull(&registry, &image);
    assert!(proxy.asked().is_empty());
    registry.finish().no_uploads();
}

#[test]
fn what_is_held_is_served_while_the_proxy_is_down() {
    let mut town = Town::new(Upstream::with().basic(USER, PASSWORD));
    let registry = town.registry(&town.proxied());
    pull(&registry, &town.image);
    // Another one, which nobody knows of: the first is gone.
    town.proxy = Proxy::start();
    pull(&registry, &town.image);
    let answer = registry.plain().manifest("up.example/a/b", "1").expect(200);
    assert!(answer.must("warning").contains("stale"));
    registry.finish().no_uploads();
}
