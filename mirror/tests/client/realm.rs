//! Where credentials go: to the upstream's own host, to its kin, to hosts that are listed, and
//! nowhere else, whatever a challenge says.

use std::net::SocketAddr;

use harness::upstream::{Ca, Subject, Tokens};
use harness::{Proxy, Upstream};
use roadstead_mirror::{Client, Error, HostPattern, Proxies};

use crate::lab::{at, hides, hosts, image, manifest, password, told};

const REGISTRY: &str = "https://registry.example.com";

/// A registry and a token service, under names that lead there through a proxy.
struct Town {
    ca: Ca,
    proxy: Proxy,
    registry: Upstream,
    service: Upstream,
}

impl Town {
    /// The registry sends its clients to `realm`, on this host.
    fn new(host: &str, realm: &str) -> Self {
        let ca = Ca::new();
        let tokens = Tokens::with().password("ann", "secret").open().build();
        let name = host.split(':').next().unwrap();
        let service = Upstream::with()
            .bearer(&tokens)
            .tls(ca.issue(&[name]))
            .start();
        let identity = ca.issue(&["registry.example.com"]);
        let registry = Upstream::with()
            .bearer_of(&tokens, realm)
            .tls(identity)
            .start();
        registry.put("a/b", "latest", &image("one"));
        let proxy = Proxy::start();
        proxy.lead("registry.example.com:443", registry.address());
        proxy.lead(host, service.address());
        Self {
            ca,
            proxy,
            registry,
            service,
        }
    }

    async fn pull(&self, token_hosts: Vec<HostPattern>) -> Result<(), Error> {
        let client = Client::new(&roadstead_mirror::Upstream {
            credentials: password("registry.example.com", "secret"),
            tls: self.ca.trusted(),
            proxies: Proxies::always(&format!("http://{}", self.proxy.host()), ""),
            token_hosts,
            ..at([REGISTRY])
        });
        let read = manifest(&client, "latest");
        let pulled = read.await.map(drop);
        // It wants tokens, and never a password.
        let is_basic = |login: &str| login.starts_with("Basic ");
        let got = self
            .registry
            .count(|asked| asked.header("authorization").is_some_and(is_basic));
        assert_eq!(got, 0);
        pulled
    }

    /// Whether a token was asked for with the password.
    fn got_password(&self) -> Option<bool> {
        let asked = self.service.asked();
        let token = asked
            .iter()
            .find(|asked| asked.subject() == Subject::Token)?;
        Some(token.header("authorization").is_some())
    }
}

#[tokio::test]
async fn a_token_service_of_the_same_domain_gets_the_password() {
    let town = Town::new("auth.example.com:443", "https://auth.example.com/token");
    town.pull(Vec::new()).await.unwrap();
    assert_eq!(town.got_password(), Some(true));
}

#[tokio::test]
async fn a_token_service_on_another_port_of_the_host_gets_the_password() {
    let town = Town::new(
        "registry.example.com:8443",
        "https://registry.example.com:8443/token",
    );
    town.pull(Vec::new()).await.unwrap();
    assert_eq!(town.got_password(), Some(true));
}

#[tokio::test]
async fn a_token_service_of_another_domain_is_asked_as_a_stranger() {
    for (host, realm) in [
        ("auth.example.net:443", "https://auth.example.net/token"),
        ("notexample.com:443", "https://notexample.com/token"),
        (
            "registry.example.com.evil.org:443",
            "https://registry.example.com.evil.org/token",
        ),
    ] {
        let town = Town::new(host, realm);
        town.pull(Vec::new()).await.unwrap();
        assert_eq!(town.got_password(), Some(false), "{host}");
    }
}

#[tokio::test]
async fn a_token_service_that_is_listed_gets_the_password() {
    let town = Town::new("auth.example.net:443", "https://auth.example.net/token");
    town.pull(hosts(["auth.example.net"])).await.unwrap();
    assert_eq!(town.got_password(), Some(true));
    let town = Town::new("auth.example.net:443", "https://auth.example.net/token");
    town.pull(hosts(["auth.example.net:8443"])).await.unwrap();
    assert_eq!(town.got_password(), Some(false));
}

#[tokio::test]
async fn a_token_service_without_encryption_is_not_asked_at_all() {
    let realm = "http://auth.example.com/token";
    for listed in [Vec::new(), hosts(["auth.example.com"])] {
        let town = Town::new("auth.example.com:80", realm);
        let error = town.pull(listed).await.unwrap_err();
        assert!(told(&error).ends_with("not encrypted"), "{}", told(&error));
        assert!(town.service.asked().is_empty());
    }
}

#[tokio::test]
async fn a_name_within_a_realm_is_no_host() {
    // Everything before the `@` is a login, not the host.
    let realm = "https://registry.example.com@auth.example.net/token";
    let town = Town::new("auth.example.net:443", realm);
    town.pull(Vec::new()).await.unwrap();
    assert_eq!(town.got_password(), Some(false));
}

#[tokio::test]
async fn a_token_service_that_redirects_is_not_followed() {
    let town = Town::new("auth.example.com:443", "https://auth.example.com/token");
    town.service
        .always(harness::Fault::redirect("https://auth.example.net/token"));
    let error = town.pull(Vec::new()).await.unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    hides(&error, &["secret"]);
    let hosts: Vec<_> = town
        .proxy
        .asked()
        .iter()
        .map(|asked| asked.target.clone())
        .collect();
    assert!(
        !hosts.contains(&"auth.example.net:443".to_owned()),
        "{hosts:?}"
    );
}

/// Insists that a registry at loopback cannot send us to this realm.
async fn check_guarded(realm: &str, trap: SocketAddr) {
    let ca = Ca::new();
    let tokens = Tokens::with().open().build();
    let registry = Upstream::with().bearer_of(&tokens, realm).start();
    let client = Client::new(&roadstead_mirror::Upstream {
        tls: ca.trusted(),
        ..at([&registry.url()])
    });
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(
        told(&error).contains("is in a private network"),
        "{realm} {trap}: {}",
        told(&error)
    );
}

#[tokio::test]
async fn a_realm_does_not_lead_into_private_networks() {
    let trap = Upstream::start();
    let port = trap.address().port();
    for realm in [
        format!("https://127.0.0.1:{port}/token"),
        format!("https://127.1:{port}/token"),
        format!("https://localhost:{port}/token"),
        format!("https://[::ffff:127.0.0.1]:{port}/token"),
        "https://169.254.169.254/token".to_owned(),
        "https://10.0.0.1/token".to_owned(),
        "https://[fd00:ec2::254]/token".to_owned(),
    ] {
        check_guarded(&realm, trap.address()).await;
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_private_token_service_that_is_listed_gets_the_password() {
    let ca = Ca::new();
    let tokens = Tokens::with().password("ann", "secret").build();
    let identity = ca.issue(&["127.0.0.1"]);
    let service = Upstream::with().bearer(&tokens).tls(identity).start();
    let realm = format!("{}/token", service.url());
    let registry = Upstream::with().bearer_of(&tokens, realm).start();
    registry.put("a/b", "latest", &image("one"));
    let client = Client::new(&roadstead_mirror::Upstream {
        credentials: password(&registry.address().to_string(), "secret"),
        tls: ca.trusted(),
        token_hosts: hosts([&service.address().to_string()]),
        ..at([&registry.url()])
    });
    manifest(&client, "latest").await.unwrap();
    assert_eq!(tokens.given(), 1);
}
