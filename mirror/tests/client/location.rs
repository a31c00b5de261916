//! The locations of an upstream: asked in order, each with its own login.

use harness::{At, Fault, Reply, Upstream};
use roadstead_mirror::{Client, Error};

use crate::lab::{at, blob, image, known, manifest, password, told};

/// Two locations of which only the second has it.
fn pair() -> (Upstream, Upstream) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.put("a/b", "latest", &image("one"));
    (first, second)
}

fn client(first: &Upstream, second: &Upstream) -> Client {
    Client::new(&at([&first.url(), &second.url()]))
}

#[tokio::test]
async fn the_first_location_that_has_it_is_the_only_one_asked_last() {
    let (first, second) = pair();
    let client = client(&first, &second);
    let read = manifest(&client, "latest");
    read.await.unwrap();
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
    first.put("a/b", "latest", &image("one"));
    let read = manifest(&client, "latest");
    read.await.unwrap();
    assert_eq!((first.asked().len(), second.asked().len()), (2, 1));
}

#[tokio::test]
async fn whatever_fails_at_one_location_is_asked_of_the_next() {
    for fault in [
        Fault::Reset(At::Start),
        Fault::Cut(At::Byte(0)),
        Fault::Instead(Reply::new(429).header("retry-after", "60")),
        Fault::status(401),
        Fault::status(403),
        Fault::status(500),
        Fault::redirect("http://169.254.169.254/"),
    ] {
        let (first, second) = pair();
        first.put("a/b", "latest", &image("one"));
        first.always(fault.clone());
        let client = client(&first, &second);
        let read = manifest(&client, "latest");
        read.await
            .unwrap_or_else(|error| panic!("{fault:?}: {}", told(&error)));
    }
}

#[tokio::test]
async fn a_location_that_is_down_is_passed_over() {
    let (mut first, second) = pair();
    first.stop();
    let client = client(&first, &second);
    let read = manifest(&client, "latest");
    read.await.unwrap();
}

#[tokio::test]
async fn a_location_that_wants_a_pause_does_not_hold_up_the_others() {
    let (first, second) = pair();
    first.always(Fault::Instead(Reply::new(429).header("retry-after", "60")));
    let client = client(&first, &second);
    for _ in 0..3 {
        let read = manifest(&client, "latest");
        read.await.unwrap();
    }
    assert_eq!((first.asked().len(), second.asked().len()), (1, 3));
}

#[tokio::test]
async fn nothing_is_missing_for_certain_while_one_location_fails() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let client = client(&first, &second);
    let missing = manifest(&client, "latest");
    assert!(missing.await.unwrap_err().is_not_found());
    for broken in [&first, &second] {
        first.behave();
        second.behave();
        broken.always(Fault::status(500));
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_login_is_for_its_own_location() {
    let first = Upstream::with().basic("ann", "secret").start();
    let second = Upstream::with().basic("ann", "secret").start();
    let digest = known(&second.put_blob("a/b", "blob"));
    let client = Client::new(&roadstead_mirror::Upstream {
        credentials: password(&first.address().to_string(), "secret"),
        ..at([&first.url(), &second.url()])
    });
    let failed = blob(&client, digest, 0).await;
    let error = failed.unwrap_err();
    assert!(matches!(error, Error::Login { .. }), "{error:?}");
    assert_eq!(
        second.count(|asked| asked.header("authorization").is_some()),
        0
    );
}

#[tokio::test]
async fn a_path_of_a_location_stands_before_the_repository() {
    let upstream = Upstream::start();
    upstream.put("proxy/a/b", "latest", &image("one"));
    for path in ["/proxy", "/v2/proxy/", "/api/docker/hub/v2/proxy"] {
        let url = format!("{}{path}", upstream.url());
        let client = Client::new(&at([&*url]));
        let read = manifest(&client, "latest");
        read.await.unwrap();
    }
}
