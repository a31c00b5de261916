//! Proxies: asked for what they are meant for, with their own login and nobody else's.

use harness::upstream::Ca;
use harness::{Fault, Proxy, Upstream};
use roadstead_mirror::{Client, Proxies};

use crate::lab::{at, hides, image, manifest, password, told};

const NAME: &str = "registry.example.com";

/// A registry with TLS that is reached by its name through this proxy.
fn behind(proxy: &Proxy) -> (Upstream, Ca) {
    let ca = Ca::new();
    let upstream = Upstream::with()
        .basic("ann", "secret")
        .tls(ca.issue(&[NAME]))
        .start();
    upstream.put("a/b", "latest", &image("one"));
    proxy.lead("registry.example.com:443", upstream.address());
    (upstream, ca)
}

fn through(proxy: &str, ca: &Ca, no: &str) -> Client {
    Client::new(&roadstead_mirror::Upstream {
        credentials: password(NAME, "secret"),
        tls: ca.trusted(),
        proxies: Proxies::always(proxy, no),
        ..at(["https://registry.example.com"])
    })
}

#[tokio::test]
async fn an_encrypted_upstream_is_reached_through_a_tunnel() {
    let proxy = Proxy::start_with_login("bob", "Passw0rd");
    let (upstream, ca) = behind(&proxy);
    let client = through(&format!("http://bob:Passw0rd@{}", proxy.host()), &ca, "");
    let read = manifest(&client, "latest");
    read.await.unwrap();
    let tunnels = proxy.asked();
    assert_eq!(tunnels.len(), 1);
    assert_eq!(tunnels[0].target, "registry.example.com:443");
    assert_eq!(tunnels[0].header("authorization"), None);
    let seen = upstream.count(|asked| asked.header("proxy-authorization").is_some());
    assert_eq!(seen, 0);
}

#[tokio::test]
async fn a_proxy_that_refuses_us_is_an_outage_without_secrets() {
    let proxy = Proxy::start_with_login("bob", "Passw0rd");
    let (upstream, ca) = behind(&proxy);
    for url in [
        format!("http://{}", proxy.host()),
        format!("http://bob:wr0ng@{}", proxy.host()),
    ] {
        let client = through(&url, &ca, "");
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(error.is_outage(), "{error:?}");
        assert!(
            told(&error).contains("does not lead to"),
            "{}",
            told(&error)
        );
        // The second is base64 of the login.
        hides(&error, &["wr0ng", "Ym9iOndyMG5n"]);
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_plain_upstream_is_asked_for_by_its_whole_url() {
    let proxy = Proxy::start_with_login("bob", "Passw0rd");
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    proxy.lead("registry.example.com:80", upstream.address());
    let url = format!("http://bob:Passw0rd@{}", proxy.host());
    let client = Client::new(&roadstead_mirror::Upstream {
        proxies: Proxies::always(&url, ""),
        ..at(["http://registry.example.com"])
    });
    for _ in 0..2 {
        let read = manifest(&client, "latest");
        read.await.unwrap();
    }
    for asked in proxy.asked() {
        assert_eq!(
            asked.target,
            "http://registry.example.com/v2/a/b/manifests/latest"
        );
    }
    assert_eq!(proxy.asked().len(), 2);
}

#[tokio::test]
async fn what_is_excepted_is_asked_directly() {
    let proxy = Proxy::start();
    let (_upstream, ca) = behind(&proxy);
    for no in [
        NAME,
        ".example.com",
        "*.example.com",
        "registry.example.com:443",
        "*",
    ] {
        let client = through(&format!("http://{}", proxy.host()), &ca, no);
        let failed = manifest(&client, "latest");
        // Nobody but the proxy knows where this name leads.
        failed.await.unwrap_err();
        assert!(proxy.asked().is_empty(), "{no}");
    }
}

#[tokio::test]
async fn loopback_is_asked_directly() {
    let (proxy, upstream) = (Proxy::start(), Upstream::start());
    upstream.put("a/b", "latest", &image("one"));
    let client = Client::new(&roadstead_mirror::Upstream {
        proxies: Proxies::always(&format!("http://{}", proxy.host()), ""),
        ..at([&upstream.url()])
    });
    let read = manifest(&client, "latest");
    read.await.unwrap();
    assert!(proxy.asked().is_empty());
}

#[tokio::test]
async fn where_an_upstream_leads_goes_through_the_proxy_too() {
    let proxy = Proxy::start();
    let (upstream, ca) = behind(&proxy);
    let cdn = Upstream::with().tls(ca.issue(&["cdn.example.net"])).start();
    cdn.put("a/b", "latest", &image("one"));
    proxy.lead("cdn.example.net:443", cdn.address());
    upstream.always(Fault::redirect(
        "https://cdn.example.net/v2/a/b/manifests/latest",
    ));
    let client = through(&format!("http://{}", proxy.host()), &ca, "");
    let read = manifest(&client, "latest");
    read.await.unwrap();
    assert_eq!(
        cdn.count(|asked| asked.header("authorization").is_some()),
        0
    );
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_what_is_private() {
    let proxy = Proxy::start();
    let (upstream, ca) = behind(&proxy);
    for place in [
        "https://metadata.google.internal/",
        "https://169.254.169.254/",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://db/",
    ] {
        upstream.always(Fault::redirect(place));
        let client = through(&format!("http://{}", proxy.host()), &ca, "");
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(
            told(&error).contains("is in a private network"),
            "{place}: {}",
            told(&error)
        );
    }
    let asked = proxy.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.target == "registry.example.com:443")
    );
}

#[tokio::test]
async fn a_proxy_that_is_down_is_an_outage() {
    let (ca, upstream) = (Ca::new(), Upstream::start());
    let address = upstream.address();
    drop(upstream);
    let client = through(&format!("http://{address}"), &ca, "");
    let failed = manifest(&client, "latest").await;
    assert!(failed.unwrap_err().is_outage());
}
