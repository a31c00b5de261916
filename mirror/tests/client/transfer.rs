//! What goes wrong on the way: connections that break, stall, drip or never come about.

use std::time::{Duration, Instant};

use harness::upstream::Gate;
use harness::{At, Fault, Noise, Reply, Upstream};
use roadstead_mirror::{Client, Error, Patience, Retry, Side};

use crate::lab::{SHORT, SOON, at, blob, client, image, known, manifest, read, repo, tag, told};

/// Insists that nothing but this goes wrong with a manifest, however often it is asked for.
async fn check_broken(fault: Fault, expected: &str) {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    upstream.always(fault.clone());
    let client = Client::new(&roadstead_mirror::Upstream {
        timeouts: SHORT,
        ..at([&upstream.url()])
    });
    let began = Instant::now();
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(began.elapsed() < SOON.answer, "{fault:?}");
    assert!(
        matches!(error, Error::Transfer { .. }),
        "{fault:?}: {error:?}"
    );
    assert!(
        told(&error).contains(expected),
        "{fault:?}: {}",
        told(&error)
    );
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::Now));
    assert_eq!(upstream.asked().len(), 2, "{fault:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_anew() {
    check_broken(Fault::Reset(At::Start), "the connection broke").await;
    check_broken(Fault::Reset(At::Byte(10)), "the connection broke").await;
    check_broken(Fault::Cut(At::Start), "the connection broke").await;
    check_broken(Fault::Cut(At::Byte(10)), "the connection broke").await;
}

#[tokio::test]
async fn a_header_without_an_end_is_not_read_on() {
    check_broken(Fault::EndlessHeader, "the connection broke").await;
}

#[tokio::test]
async fn whoever_says_nothing_is_not_waited_for() {
    check_broken(Fault::stall(At::Start), "nothing came for 400ms").await;
    check_broken(Fault::stall(At::Byte(10)), "nothing came for 400ms").await;
}

#[tokio::test]
async fn what_fails_once_is_asked_for_again() {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    for fault in [
        Fault::Reset(At::Start),
        Fault::Cut(At::Byte(10)),
        Fault::status(500),
        Fault::status(503),
    ] {
        upstream.once(|_| true, fault);
        let client = client(&upstream);
        let read = manifest(&client, "latest");
        read.await.unwrap();
    }
    assert_eq!(upstream.asked().len(), 8);
}

#[tokio::test]
async fn a_job_has_more_patience_than_a_request() {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    upstream.when(|asked| (asked.number < 5).then(|| Fault::status(502)));
    let client = client(&upstream);
    manifest(&client, "latest").await.unwrap_err();
    assert_eq!(upstream.asked().len(), 2);
    let read = client
        .manifest(&repo(), &tag("latest"), Patience::Job)
        .await;
    read.unwrap();
    assert_eq!(upstream.asked().len(), 6);
}

#[tokio::test]
async fn a_server_in_trouble_is_quoted_and_asked_again() {
    let upstream = Upstream::start();
    upstream.always(Fault::Instead(Reply::refusal(503, "UNAVAILABLE")));
    let client = client(&upstream);
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    let said = "answered 503 Service Unavailable: UNAVAILABLE said by a test";
    assert!(told(&error).ends_with(said), "{}", told(&error));
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::Now));
    assert_eq!(upstream.asked().len(), 2);
}

#[tokio::test]
async fn nobody_waits_long_for_what_is_said_of_a_refusal() {
    let upstream = Upstream::start();
    for status in [401, 403, 307] {
        let reply = Reply::new(status)
            .header("www-authenticate", "Basic realm=\"a test\"")
            .header("location", "ftp://nowhere")
            .body(vec![b' '; 1000]);
        let slowly = Fault::Drip(1, Duration::from_millis(50));
        upstream.when(move |_| [Fault::Instead(reply.clone()), slowly.clone()]);
        let began = Instant::now();
        manifest(&client(&upstream), "latest").await.unwrap_err();
        assert!(began.elapsed() < SOON.answer, "{status}");
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for status in [400, 403, 405, 406, 451] {
        let upstream = Upstream::start();
        upstream.always(Fault::status(status));
        let client = client(&upstream);
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert_eq!(error.retry(), Retry::No, "{error:?}");
        assert_eq!(upstream.asked().len(), 1);
    }
}

#[tokio::test]
async fn nobody_there_is_an_outage() {
    let mut upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    let client = client(&upstream);
    upstream.stop();
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(error.is_outage(), "{error:?}");
    assert!(
        told(&error).contains("connect to 127.0.0.1"),
        "{}",
        told(&error)
    );
    upstream.start_again();
    let read = manifest(&client, "latest");
    read.await.unwrap();
}

#[tokio::test]
async fn a_name_that_nobody_has_is_an_outage() {
    let client = Client::new(&roadstead_mirror::Upstream {
        timeouts: SHORT,
        ..at(["http://registry.invalid"])
    });
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(error.is_outage(), "{error:?}");
}

#[tokio::test]
async fn a_slow_transfer_goes_on_as_long_as_something_comes() {
    let (upstream, noise) = (Upstream::start(), Noise::new(1, 2000));
    let digest = known(&upstream.put_blob("a/b", noise.clone()));
    upstream.always(Fault::Drip(100, Duration::from_millis(50)));
    let client = Client::new(&roadstead_mirror::Upstream {
        timeouts: SHORT,
        ..at([&upstream.url()])
    });
    let began = Instant::now();
    let stream = blob(&client, digest, 0).await;
    let (bytes, error) = read(stream.unwrap()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, noise.bytes());
    assert!(began.elapsed() > 2 * SHORT.idle);
}

#[tokio::test]
async fn no_more_is_asked_at_once_than_the_upstream_may_be() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    let digest = known(&upstream.put_blob("a/b", "blob"));
    upstream.always(Fault::Hold(At::Byte(1), gate.clone()));
    let client = Client::new(&roadstead_mirror::Upstream {
        max_connections: 2,
        ..at([&upstream.url()])
    });
    let first = blob(&client, digest, 0).await.unwrap();
    let second = blob(&client, digest, 0).await.unwrap();
    let mut third = Box::pin(blob(&client, digest, 0));
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut third);
    assert!(waited.await.is_err(), "a third request is under way");
    assert_eq!(upstream.asked().len(), 2);
    drop(first);
    third.await.unwrap();
    gate.open();
    assert_eq!(read(second).await.0, b"blob");
}
