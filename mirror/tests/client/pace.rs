//! Pauses that an upstream asks for are made, by everybody.

use std::time::{Duration, Instant, SystemTime};

use harness::upstream::{Subject, Tokens};
use harness::{Fault, Reply, Upstream};
use roadstead_mirror::{Client, Error, Patience, Retry, Side};

use crate::lab::{at, client, image, known, manifest, password, repo, tag};

fn too_many(retry_after: Option<String>) -> Fault {
    let reply = Reply::new(429).body("Too Many Requests");
    Fault::Instead(match retry_after {
        Some(when) => reply.header("retry-after", when),
        None => reply,
    })
}

/// Insists that a pause of about so many seconds is made after such an answer.
async fn check_pause(retry_after: Option<String>, seconds: u64) {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/c", "blob"));
    upstream.always(too_many(retry_after));
    let client = client(&upstream);
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    assert_eq!(error.side(), Side::Upstream);

    upstream.behave();
    let other = client.clone();
    let name = "a/c".parse().unwrap();
    let failed = other.blob(&name, digest, 0, Patience::Request).await;
    let error = failed.unwrap_err();
    let Retry::After(left) = error.retry() else {
        panic!("no pause: {error:?}");
    };
    assert!(matches!(error, Error::Paused { .. }), "{error:?}");
    let (least, most) = (seconds - seconds / 10 - 2, seconds);
    assert!((least..=most).contains(&left.as_secs()), "{left:?}");
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test]
async fn an_upstream_that_has_had_enough_is_left_alone() {
    check_pause(Some("60".to_owned()), 60).await;
    let in_a_minute = SystemTime::now() + Duration::from_mins(1);
    check_pause(Some(httpdate::fmt_http_date(in_a_minute)), 60).await;
}

#[tokio::test]
async fn an_upstream_that_does_not_say_for_how_long_is_left_alone_for_a_while() {
    check_pause(None, 30).await;
    check_pause(Some("some day".to_owned()), 30).await;
}

#[tokio::test]
async fn a_job_waits_until_the_pause_is_over() {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    upstream.once(|_| true, too_many(Some("1".to_owned())));
    let client = client(&upstream);
    let began = Instant::now();
    let read = client
        .manifest(&repo(), &tag("latest"), Patience::Job)
        .await;
    read.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(upstream.asked().len(), 2);
}

#[tokio::test]
async fn a_token_service_that_has_had_enough_is_left_alone_too() {
    let tokens = Tokens::with().password("ann", "secret").build();
    let upstream = Upstream::with().bearer(&tokens).start();
    upstream.when(|asked| {
        let is_token = asked.subject() == Subject::Token;
        is_token.then(|| too_many(Some("60".to_owned())))
    });
    let client = Client::new(&roadstead_mirror::Upstream {
        credentials: password(&upstream.address().to_string(), "secret"),
        ..at([&upstream.url()])
    });
    for _ in 0..3 {
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
    }
    assert_eq!(upstream.count(|asked| asked.subject() == Subject::Token), 1);
}
