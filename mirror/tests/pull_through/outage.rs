//! Whatever keeps an upstream from answering: what is held is given, soon, and nothing wrong ever.

use std::time::{Duration, Instant};

use harness::{At, Fault, Gate, Noise, Reply, Upstream};
use roadstead_mirror::{Blob, Timeouts};

use crate::lab::{Lab, MAX_AGE, image, known, read, soon};

const LENGTH: u64 = 3_000_000;

/// Every way to fail that a request for a tag can meet.
fn outages(upstream: &Upstream) -> Vec<Fault> {
    let url = upstream.url();
    vec![
        Fault::Reset(At::Start),
        Fault::Cut(At::Start),
        Fault::stall(At::Start),
        Fault::EndlessHeader,
        Fault::status(500),
        Fault::status(502),
        Fault::status(503),
        Fault::status(401),
        Fault::status(403),
        Fault::status(404),
        Fault::Instead(Reply::new(429).header("retry-after", "3600")),
        Fault::status(429),
        Fault::redirect(format!("{url}/elsewhere")),
        Fault::redirect("http://169.254.169.254/latest/meta-data/"),
        Fault::Set("docker-content-digest", "sha256:nonsense".to_owned()),
    ]
}

#[tokio::test]
async fn what_is_held_is_given_within_two_seconds_whatever_the_upstream_does() {
    let upstream = Upstream::start();
    let image = image("x");
    upstream.put("a/b", "1", &image);
    for outage in outages(&upstream) {
        upstream.behave();
        let lab = Lab::new(&upstream).await;
        lab.tag("1").await.expect("it is there");
        lab.later(MAX_AGE);
        upstream.always(outage.clone());
        let begun = Instant::now();
        let given = lab.tag("1").await.expect("it is held");
        let took = begun.elapsed();
        assert!(took < soon(), "{outage:?}: {took:?}");
        assert_eq!(given.stored.digest, known(&image.digest()), "{outage:?}");
        let is_answered = matches!(outage, Fault::Set(..));
        assert_eq!(given.stale.is_none(), is_answered, "{outage:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_not_waited_for_again_and_again() {
    let mut upstream = Upstream::start();
    upstream.put("a/b", "1", &image("x"));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    lab.later(MAX_AGE);
    upstream.stop();
    let stale = lab
        .tag("1")
        .await
        .expect("it is held")
        .stale
        .expect("it is stale");
    assert!(stale.because.is_some(), "{stale:?}");
    assert!(stale.checked_at.is_some());
    let begun = Instant::now();
    for _ in 0..20 {
        assert!(lab.tag("1").await.expect("it is held").stale.is_some());
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_upstream_that_comes_back_is_asked_again() {
    let mut upstream = Upstream::start();
    upstream.put("a/b", "1", &image("x"));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    lab.later(MAX_AGE);
    upstream.stop();
    lab.tag("1")
        .await
        .expect("it is held")
        .stale
        .expect("it is stale");
    upstream.start_again();
    // In doubt nobody waits for it; but it is asked, and the next one has its answer.
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.tag("1").await.expect("it is held").stale.is_some() {
        assert!(Instant::now() < deadline, "it is never believed again");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wrong_bytes_reach_nobody_whole_and_are_not_kept() {
    let upstream = Upstream::start();
    for fault in [
        Fault::Flipped(1_000),
        Fault::Flipped(LENGTH - 1),
        Fault::Appended(5),
    ] {
        let digest = known(&upstream.put_blob("a/b", Noise::new(2, LENGTH)));
        let lab = Lab::new(&upstream).await;
        upstream.always(fault.clone());
        let reader = lab.arriving(digest).await;
        let read = read(reader).await;
        assert!(read.is_err(), "{fault:?}: {read:?}");
        assert!(!lab.holds(digest).await, "{fault:?}");
        // And when it comes right, it is taken.
        upstream.behave();
        assert_eq!(
            self::read(lab.arriving(digest).await)
                .await
                .expect("it comes"),
            (digest, LENGTH)
        );
    }
}

#[tokio::test]
async fn what_breaks_off_goes_on_where_it_stopped() {
    for fault in [
        Fault::Reset(At::Byte(1_000_000)),
        Fault::Cut(At::Byte(1_000_000)),
        Fault::stall(At::Byte(1_000_000)),
    ] {
        let upstream = Upstream::start();
        let digest = known(&upstream.put_blob("a/b", Noise::new(3, LENGTH)));
        let timeouts = Timeouts {
            idle: Duration::from_millis(300),
            ..Timeouts::default()
        };
        let lab = Lab::with(&upstream, timeouts).await;
        upstream.once(|_| true, fault.clone());
        let reader = lab.arriving(digest).await;
        assert_eq!(
            read(reader).await.expect("it comes"),
            (digest, LENGTH),
            "{fault:?}"
        );
        let again = upstream.asked().pop().expect("it was asked again");
        let range = again.header("range").unwrap_or_default();
        assert_ne!(range, "", "{fault:?}");
        // A reset takes what lies in the sockets along.
        let lost = upstream.sent() - LENGTH;
        let is_reset = matches!(fault, Fault::Reset(_));
        assert!(
            lost == 0 || is_reset && lost < 1_000_000,
            "{fault:?}: {lost}"
        );
    }
}

#[tokio::test]
async fn an_upstream_that_knows_no_ranges_is_read_again_and_nothing_is_taken_twice() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", Noise::new(3, LENGTH)));
    let lab = Lab::new(&upstream).await;
    upstream.when(|asked| {
        if asked.number == 0 {
            vec![Fault::Reset(At::Byte(1_000_000))]
        } else {
            vec![Fault::IgnoredRange]
        }
    });
    let reader = lab.arriving(digest).await;
    assert_eq!(read(reader).await.expect("it comes"), (digest, LENGTH));
}

#[tokio::test]
async fn a_blob_that_is_nowhere_or_nobody_tells_is_an_error_at_once() {
    let upstream = Upstream::start();
    let digest = known(&Noise::new(4, 10).digest());
    let lab = Lab::new(&upstream).await;
    let error = lab.blob(digest).await.expect_err("it is not there");
    assert!(error.is_not_found(), "{error}");
    upstream.always(Fault::status(503));
    let error = lab.blob(digest).await.expect_err("it does not say");
    assert!(error.is_outage(), "{error}");
    let parts: Vec<_> = lab.left_behind();
    let bytes: u64 = parts
        .iter()
        .map(|path| path.metadata().expect("a file").len())
        .sum();
    assert_eq!(bytes, 0, "{parts:?}");
}

#[tokio::test]
async fn held_blobs_are_given_while_the_upstream_is_down() {
    let mut upstream = Upstream::start();
    let first = image("x");
    upstream.put("a/b", "1", &first);
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    let layer = known(&harness::Digest::of(&first.layers[0]));
    read(lab.arriving(layer).await).await.expect("it comes");
    upstream.stop();
    assert!(lab.holds(layer).await);
    // One that another repository brought, and a manifest of this one refers to.
    let config = known(&harness::Digest::of(&first.config));
    let gate = Gate::new();
    gate.open();
    assert!(matches!(lab.blob(config).await, Err(error) if error.is_outage()));
    assert!(matches!(lab.blob(layer).await, Ok(Blob::Held(_))));
}
