//! Where a question may go: to the store, and from there to encrypted places of the public network.

use harness::upstream::{Ca, Proxy};
use harness::{Fault, Reply, Upstream};
use roadstead_mirror::Proxies;
use roadstead_mirror::openshift::signature::{Collected, Network, collect};

use crate::lab::{answer, answering, asked, check, found, network, on_web, path, release, told};

/// A store with TLS, and who trusts it.
fn encrypted(ca: &Ca) -> (Upstream, Network) {
    let store = Upstream::with().tls(ca.issue(&["127.0.0.1"])).start();
    let network = Network {
        tls: ca.trusted(),
        ..network()
    };
    (store, network)
}

async fn ask(store: &Upstream, network: &Network) -> Collected {
    collect(&[on_web(&store.url(), network)], Vec::new(), &release()).await
}

#[tokio::test]
async fn a_redirect_within_the_store_is_followed() {
    let (store, network) = encrypted(&Ca::new());
    let answers = [
        Fault::redirect(path(3)),
        Fault::status(500),
        found("moved"),
        Fault::Instead(Reply::new(302).header("location", "/nothing")),
    ];
    answer(&store, answers);
    let collected = ask(&store, &network).await;
    // The fourth turns out not to be there.
    check(&collected, ["moved"]);
    assert_eq!(told(&collected).len(), 1);
}

#[tokio::test]
async fn a_redirect_to_a_private_host_is_not_followed() {
    let ca = Ca::new();
    let ((store, network), (other, _)) = (encrypted(&ca), encrypted(&ca));
    answer(&other, [found("internal")]);
    answer(
        &store,
        [Fault::redirect(format!("{}{}", other.url(), path(1)))],
    );
    let collected = ask(&store, &network).await;
    check(&collected, []);
    assert_eq!(told(&collected).len(), 1);
    assert!(
        told(&collected)[0].contains("private network"),
        "{:?}",
        told(&collected)
    );
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_redirect_without_encryption_is_not_followed() {
    let plain = answering([found("plain")]);
    let (store, network) = encrypted(&Ca::new());
    answer(
        &store,
        [Fault::redirect(format!("{}{}", plain.url(), path(1)))],
    );
    let collected = ask(&store, &network).await;
    check(&collected, []);
    assert!(
        told(&collected)[0].ends_with("redirects to a host without encryption"),
        "{:?}",
        told(&collected)
    );
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn nobody_is_sent_round_in_circles() {
    let (store, network) = encrypted(&Ca::new());
    answer(&store, [Fault::redirect(path(1)), found("two")]);
    let collected = ask(&store, &network).await;
    check(&collected, ["two"]);
    assert!(
        told(&collected)[0].ends_with("redirects too often"),
        "{:?}",
        told(&collected)
    );
    let of_first = asked(&store).into_iter().filter(|asked| *asked == path(1));
    assert_eq!(of_first.count(), 4);
    answer(&store, [Fault::status(307)]);
    let collected = ask(&store, &network).await;
    assert!(
        told(&collected)[0].ends_with("redirects to nowhere"),
        "{:?}",
        told(&collected)
    );
}

#[tokio::test]
async fn a_store_with_a_strangers_certificate_is_not_believed() {
    let (store, _) = encrypted(&Ca::new());
    answer(&store, [found("one")]);
    let collected = ask(&store, &network()).await;
    check(&collected, []);
    assert!(
        told(&collected)[0].contains("TLS"),
        "{:?}",
        told(&collected)
    );
}

#[tokio::test]
async fn a_store_is_asked_through_the_proxy() {
    let (ca, proxy, name) = (Ca::new(), Proxy::start(), "signatures.example.com");
    let store = Upstream::with().tls(ca.issue(&[name])).start();
    answer(&store, [found("one")]);
    proxy.lead(&format!("{name}:443"), store.address());
    let network = Network {
        tls: ca.trusted(),
        proxies: Proxies::always(&format!("http://{}", proxy.host()), ""),
        ..network()
    };
    let stores = [on_web(&format!("https://{name}"), &network)];
    let collected = collect(&stores, Vec::new(), &release()).await;
    check(&collected, ["one"]);
    assert_eq!(told(&collected), [] as [&str; 0]);
    assert_eq!(proxy.asked()[0].target, format!("{name}:443"));
}
