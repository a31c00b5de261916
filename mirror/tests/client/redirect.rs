//! Redirects: followed as far as they may lead, and never with what is not meant for there.

use harness::upstream::{Ca, Tokens};
use harness::{Fault, Reply, Upstream};
use roadstead_mirror::{Client, Error, Retry, Side};
use roadstead_storage::oci::Digest;

use crate::lab::{
    at, blob, client, hides, hosts, image, known, manifest, named, password, read, told,
};

const SIGNATURE: &str = "X-Amz-Signature=5ecret";

/// A registry with a login whose blobs lie elsewhere.
fn pair() -> (Upstream, Upstream, Digest) {
    let tokens = Tokens::with().password("ann", "secret").build();
    let (registry, store) = (Upstream::with().bearer(&tokens).start(), Upstream::start());
    let digest = known(&registry.put_blob("a/b", "blob"));
    store.put_blob("a/b", "blob");
    let place = format!("{}/v2/a/b/blobs/{digest}?{SIGNATURE}", store.url());
    registry.when(move |asked| {
        let is_in = asked.path().contains("/blobs/") && asked.header("authorization").is_some();
        is_in.then(|| Fault::redirect(place.clone()))
    });
    (registry, store, digest)
}

fn knowing(registry: &Upstream, redirect_hosts: &str) -> Client {
    Client::new(&roadstead_mirror::Upstream {
        credentials: password(&registry.address().to_string(), "secret"),
        redirect_hosts: hosts([redirect_hosts]),
        ..at([&registry.url()])
    })
}

#[tokio::test]
async fn a_signed_url_gets_no_login() {
    let (registry, store, digest) = pair();
    // As S3 does.
    store.when(|asked| asked.header("authorization").map(|_| Fault::status(400)));
    let client = knowing(&registry, &store.address().to_string());
    let stream = blob(&client, digest, 0).await;
    assert_eq!(read(stream.unwrap()).await.0, b"blob");
    let asked = store.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].target.ends_with(SIGNATURE));
    assert_eq!(asked[0].header("authorization"), None);
}

#[tokio::test]
async fn a_range_is_asked_for_where_the_blob_lies() {
    let (registry, store, digest) = pair();
    let client = knowing(&registry, &store.address().to_string());
    let stream = blob(&client, digest, 2).await;
    assert_eq!(read(stream.unwrap()).await.0, b"ob");
    assert_eq!(store.sent(), 2);
}

#[tokio::test]
async fn a_signature_is_shown_to_nobody() {
    let (registry, store, digest) = pair();
    store.always(Fault::status(403));
    let client = knowing(&registry, &store.address().to_string());
    let failed = blob(&client, digest, 0).await;
    hides(&failed.unwrap_err(), &["5ecret", "secret"]);
    let nobody = client_without(&registry).await;
    hides(&nobody, &["5ecret", "secret"]);
}

/// What comes of the same redirect where the store is not listed.
async fn client_without(registry: &Upstream) -> Error {
    let client = knowing(registry, "cdn.example.com");
    let digest = known(&harness::Digest::of(b"blob"));
    let failed = blob(&client, digest, 0).await;
    failed.unwrap_err()
}

#[tokio::test]
async fn a_private_host_that_is_not_listed_is_not_asked() {
    let (registry, store, _) = pair();
    let error = client_without(&registry).await;
    assert!(
        told(&error).contains("is in a private network"),
        "{}",
        told(&error)
    );
    assert_eq!(store.connections(), 0);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_the_login() {
    let upstream = Upstream::with().basic("ann", "secret").start();
    upstream.put("a/b", "latest", &image("one"));
    for place in ["/v2/a/b/manifests/latest", "latest"] {
        upstream.when(move |asked| {
            let is_old = asked.path().ends_with("/old") && asked.header("authorization").is_some();
            is_old.then(|| Fault::redirect(place))
        });
        let client = knowing(&upstream, "cdn.example.com");
        let read = manifest(&client, "old");
        read.await.unwrap();
    }
}

#[tokio::test]
async fn what_wants_a_login_behind_a_redirect_gets_none() {
    let (registry, _, digest) = pair();
    let other = Upstream::with().basic("ann", "secret").start();
    let place = format!("{}/v2/a/b/blobs/{digest}", other.url());
    registry.always(Fault::redirect(place));
    let client = knowing(&registry, &other.address().to_string());
    let failed = blob(&client, digest, 0).await;
    let error = failed.unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    assert_eq!(
        other.count(|asked| asked.header("authorization").is_some()),
        0
    );
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let upstream = Upstream::start();
    upstream.when(|asked| [Fault::redirect(format!("{}0", asked.target))]);
    let client = client(&upstream);
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::No));
    assert_eq!(upstream.asked().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_refused() {
    for place in [
        "",
        "ftp://cdn.example.com/",
        "file:///etc/passwd",
        "http://a b/",
        "//",
    ] {
        let upstream = Upstream::start();
        upstream.always(Fault::redirect(place));
        let client = client(&upstream);
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(
            matches!(error, Error::Redirect { .. }),
            "{place:?} {error:?}"
        );
    }
    let upstream = Upstream::start();
    upstream.always(Fault::status(302));
    let client = client(&upstream);
    let failed = manifest(&client, "latest");
    assert!(matches!(failed.await.unwrap_err(), Error::Redirect { .. }));
}

#[tokio::test]
async fn encryption_is_not_given_up_on_the_way() {
    let (ca, store) = (Ca::new(), Upstream::start());
    let registry = Upstream::with().tls(ca.issue(&["127.0.0.1"])).start();
    registry.always(Fault::redirect(format!("{}/v2/", store.url())));
    let client = Client::new(&roadstead_mirror::Upstream {
        tls: ca.trusted(),
        redirect_hosts: hosts(["127.0.0.1"]),
        ..at([&registry.url()])
    });
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert_eq!(store.connections(), 0);
}

#[tokio::test]
async fn a_redirect_does_not_lead_into_private_networks() {
    let trap = Upstream::start();
    let port = trap.address().port();
    for place in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://LOCALHOST.:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::1]:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://172.16.0.1/".to_owned(),
        "http://192.168.0.1/".to_owned(),
        "http://100.64.0.1/".to_owned(),
    ] {
        let upstream = Upstream::start();
        upstream.always(Fault::redirect(place.clone()));
        let client = client(&upstream);
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(
            told(&error).contains("is in a private network"),
            "{place}: {}",
            told(&error)
        );
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_second_redirect_is_judged_like_the_first() {
    let (registry, store, trap) = (Upstream::start(), Upstream::start(), Upstream::start());
    registry.always(Fault::redirect(format!("{}/x", store.url())));
    store.always(Fault::redirect(format!("{}/x", trap.url())));
    let client = knowing(&registry, &store.address().to_string());
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(
        told(&error).contains("is in a private network"),
        "{}",
        told(&error)
    );
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed_to_ask_what_a_tag_names() {
    // What was signed for reading would be refused; whoever needs to know reads the manifest.
    let (upstream, store) = (Upstream::start(), Upstream::start());
    upstream.put("a/b", "latest", &image("one"));
    let place = format!("{}/x?{SIGNATURE}", store.url());
    upstream.always(Fault::redirect(place));
    let client = knowing(&upstream, &store.address().to_string());
    let told = named(&client, "latest");
    assert_eq!(told.await.unwrap(), None);
    let digest = known(&image("one").digest());
    upstream.always(Fault::Instead(
        Reply::new(307)
            .header("location", store.url())
            .header("docker-content-digest", digest.to_string()),
    ));
    let told = named(&client, "latest");
    assert_eq!(told.await.unwrap(), Some(digest));
    assert_eq!(store.connections(), 0);
}
