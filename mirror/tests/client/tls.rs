//! Certificates: an upstream is who it says it is, or it is asked nothing.

use harness::Upstream;
use harness::upstream::{Ca, Identity};
use roadstead_mirror::{Client, Error};

use crate::lab::{at, image, manifest, password, told};

/// What comes of a pull from an upstream that shows this, by one who trusts that authority.
async fn pull(identity: Identity, trusted: &Ca) -> (Result<(), Error>, Upstream) {
    let upstream = Upstream::with().tls(identity).start();
    upstream.put("a/b", "latest", &image("one"));
    let client = Client::new(&roadstead_mirror::Upstream {
        credentials: password(&upstream.address().to_string(), "secret"),
        tls: trusted.trusted(),
        ..at([&upstream.url()])
    });
    let read = manifest(&client, "latest").await;
    (read.map(drop), upstream)
}

#[track_caller]
fn check_refused((pulled, upstream): (Result<(), Error>, Upstream)) {
    let error = pulled.unwrap_err();
    assert!(error.is_outage(), "{error:?}");
    assert!(
        told(&error).contains("the TLS handshake"),
        "{}",
        told(&error)
    );
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn a_certificate_of_an_authority_of_ones_own_is_believed() {
    let ca = Ca::new();
    let (pulled, _) = pull(ca.issue(&["127.0.0.1"]), &ca).await;
    pulled.unwrap();
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_not() {
    check_refused(pull(Ca::new().issue(&["127.0.0.1"]), &Ca::new()).await);
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_not() {
    let ca = Ca::new();
    check_refused(pull(ca.issue_expired(&["127.0.0.1"]), &ca).await);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not() {
    let ca = Ca::new();
    check_refused(pull(ca.issue(&["registry.example.com"]), &ca).await);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_asked_nothing() {
    let (ca, upstream) = (Ca::new(), Upstream::start());
    let url = format!("https://{}", upstream.address());
    let client = Client::new(&roadstead_mirror::Upstream {
        tls: ca.trusted(),
        ..at([&*url])
    });
    let read = manifest(&client, "latest").await;
    check_refused((read.map(drop), upstream));
}
